#define ALLOW_EXPERIMENTAL_API /* of rte_dev.h: the notification alone */
#include "eth_unplug.h"

#include <rte_dev.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct eth_unplug *watched; /* under the lock, with what it leads to */

/* In DPDK's interrupt thread. */
static void on_event(const char *nic, enum rte_dev_event_type type, void *arg)
{
	(void)arg;
	if (type != RTE_DEV_EVENT_REMOVE)
		return;
	pthread_mutex_lock(&lock);
	for (struct eth_unplug *u = watched; u; u = u->next)
		u->asked |= !strcmp(u->nic, nic);
	pthread_mutex_unlock(&lock);
}

int eth_unplug_init(struct eth_unplug *u, const char *nic, struct err *err)
{
	static bool registered;

	if (!registered) {
		int r = rte_dev_event_callback_register(NULL, on_event, NULL);

		if (r < 0)
			return err_set(err, r, "dpdk: notice of removed NICs: %s", strerror(-r));
		registered = true;
	}
	(void)snprintf(u->nic, sizeof(u->nic), "%s", nic);
	u->asked = false;
	pthread_mutex_lock(&lock);
	u->next = watched;
	watched = u;
	pthread_mutex_unlock(&lock);
	return 0;
}

void eth_unplug_done(struct eth_unplug *u)
{
	struct eth_unplug **at = &watched;

	pthread_mutex_lock(&lock);
	while (*at && *at != u)
		at = &(*at)->next;
	if (*at)
		*at = u->next;
	pthread_mutex_unlock(&lock);
}

bool eth_unplug_asked(const struct eth_unplug *u)
{
	bool asked;

	pthread_mutex_lock(&lock);
	asked = u->asked;
	pthread_mutex_unlock(&lock);
	return asked;
}
