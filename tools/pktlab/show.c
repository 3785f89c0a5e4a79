#include "show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void show_json(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (text)
		(void)puts(text);
	free(text);
	json_decref(object);
}

static void show_flow(const struct sender *sender, const struct flow *flow, const char *port)
{
	const struct track *t = &flow->track;

	printf("  at %-8s %12llu received %10llu lost", port, (unsigned long long)t->received,
		(unsigned long long)(sender->sent - t->received));
	if (t->duplicated)
		printf(" %llu duplicated", (unsigned long long)t->duplicated);
	if (t->reordered)
		printf(" %llu reordered (by up to %llu)", (unsigned long long)t->reordered,
			(unsigned long long)t->reorder_max);
	if (flow->corrupted)
		printf(" %llu corrupted", (unsigned long long)flow->corrupted);
	if (flow->latency.count)
		printf("; latency p50 %.2f us, p99 %.2f us, max %.2f us",
			(double)hist_quantile(&flow->latency, 0.5) / 1e3,
			(double)hist_quantile(&flow->latency, 0.99) / 1e3,
			(double)flow->latency.max / 1e3);
	putchar('\n');
}

void show_result(const struct engine *engine, const struct engine_run *run)
{
	double seconds = run->seconds > 0 ? run->seconds : 1e-9;

	for (unsigned i = 0; i < engine->n_senders; i++) {
		const struct sender *sender = &engine->senders[i];

		printf("stream %u from %s: %llu frames in %.3f s, %.4g frames/s, %.4g bit/s",
			sender->stream.id, engine->ports[sender->stream.from].port.name,
			(unsigned long long)sender->sent, run->seconds,
			(double)sender->sent / seconds, (double)sender->bytes * 8 / seconds);
		if (sender->refused)
			printf("; %llu found no room in the ring",
				(unsigned long long)sender->refused);
		if (sender->pace.n_late)
			printf("; %llu were not sent because the tester was late",
				(unsigned long long)sender->pace.n_late);
		putchar('\n');
		for (unsigned j = 0; j < sender->stream.n_to; j++)
			show_flow(sender, &sender->flows[j],
				engine->ports[sender->flows[j].port].port.name);
		if (sender->flooded || sender->misrouted)
			printf("  elsewhere: %llu flooded, %llu misrouted\n",
				(unsigned long long)sender->flooded,
				(unsigned long long)sender->misrouted);
	}
}

static bool is_shown;

void show_progress(const char *fmt, ...)
{
	va_list args;

	if (!isatty(2))
		return;
	is_shown = true;
	(void)fputs("\r\033[K", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fflush(stderr);
}

void show_progress_end(void)
{
	if (is_shown)
		(void)fputs("\r\033[K", stderr);
	is_shown = false;
}
