#include "order.h"

void order_init(struct order *order, uint32_t every)
{
	*order = (struct order){.every = every};
}

void order_see(struct order *order, uint64_t at, unsigned slot, uint32_t number)
{
	unsigned past = slot & (order->every - 1);

	order->looked++;
	if (past) { /* something was lost or came twice: find the next that has a number */
		order->next = at + order->every - past;
		return;
	}
	if (order->any) {
		int64_t sent = (int32_t)(number - order->last_number);
		int64_t arrived = (int64_t)(at - order->last_at);

		if (sent <= 0)
			order->disordered++;
		else if (sent > arrived)
			order->lost += (uint64_t)(sent - arrived);
		else
			order->repeated += (uint64_t)(arrived - sent);
	}
	order->any = true;
	order->last_at = at;
	order->last_number = number;
	order->next = at + order->every;
}
