#include "ev.h"

#include "closer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EV_BATCH     64
#define NSEC_PER_SEC UINT64_C(1000000000)

enum ev_kind { EV_IO, EV_TIMER, EV_SIGNAL, EV_WAKE };

struct ev_source {
	struct ev *ev;
	struct ev_source *prev, *next; /* in ev's live or dead list */
	enum ev_kind kind;
	bool dead; /* deleted; memory stays until the dispatch round ends */
	int fd;    /* owned unless EV_IO */
	uint32_t events;
	union {
		ev_io_fn *io;
		ev_timer_fn *timer;
		ev_signal_fn *signal;
	} fn;
	void *ctx;
};

struct ev {
	struct closer *closer;
	int epoll_fd;
	struct ev_source *live;
	struct ev_source *dead;
	struct ev_source *wake;
	unsigned depth; /* nested ev_run_once() */
	atomic_bool stop;
};

uint64_t ev_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void list_push(struct ev_source **head, struct ev_source *source)
{
	source->prev = NULL;
	source->next = *head;
	if (*head)
		(*head)->prev = source;
	*head = source;
}

static void list_remove(struct ev_source **head, struct ev_source *source)
{
	if (source->prev)
		source->prev->next = source->next;
	else
		*head = source->next;
	if (source->next)
		source->next->prev = source->prev;
}

/* Takes fd over when the kind owns it, on failure too. */
static int add_source(struct ev *ev, enum ev_kind kind, int fd, uint32_t events, void *ctx,
	struct ev_source **ret_source)
{
	struct ev_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = {.events = events, .data.ptr = source};
	int r;

	if (!source) {
		r = -ENOMEM;
		goto fail;
	}
	source->ev = ev;
	source->kind = kind;
	source->fd = fd;
	source->events = events;
	source->ctx = ctx;
	if (epoll_ctl(ev->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		r = -errno;
		goto fail;
	}
	list_push(&ev->live, source);
	*ret_source = source;
	return 0;
fail:
	free(source);
	if (kind != EV_IO)
		(void)close(fd);
	return r;
}

void ev_del(struct ev_source *source)
{
	struct ev *ev;

	if (!source || source->dead)
		return;
	ev = source->ev;
	source->dead = true;
	(void)epoll_ctl(ev->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->kind != EV_IO)
		(void)close(source->fd);
	list_remove(&ev->live, source);
	if (ev->depth)
		list_push(&ev->dead, source); /* events already fetched may still point here */
	else
		free(source);
}

static void free_dead(struct ev *ev)
{
	while (ev->dead) {
		struct ev_source *source = ev->dead;

		list_remove(&ev->dead, source);
		free(source);
	}
}

int ev_create(struct ev **ret_ev)
{
	struct ev *ev = calloc(1, sizeof(*ev));
	int fd, r;

	if (!ev)
		return -ENOMEM;
	ev->closer = closer_create(EV_MAX_CLOSE_MS);
	ev->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!ev->closer || ev->epoll_fd < 0) {
		r = ev->closer ? -errno : -ENOMEM;
		ev_destroy(ev);
		return r;
	}
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = fd < 0 ? -errno : add_source(ev, EV_WAKE, fd, EPOLLIN, NULL, &ev->wake);
	if (r < 0) {
		ev_destroy(ev);
		return r;
	}
	*ret_ev = ev;
	return 0;
}

void ev_destroy(struct ev *ev)
{
	if (!ev)
		return;
	while (ev->live)
		ev_del(ev->live);
	free_dead(ev);
	if (ev->epoll_fd >= 0)
		(void)close(ev->epoll_fd);
	closer_destroy(ev->closer);
	free(ev);
}

static int dispatch_signals(struct ev_source *source)
{
	struct signalfd_siginfo info;
	int n_calls = 0;

	while (!source->dead && read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		source->fn.signal(source->ctx, (int)info.ssi_signo);
		n_calls++;
	}
	return n_calls;
}

/* Returns the number of callbacks made. */
static int dispatch_event(struct ev_source *source, uint32_t events)
{
	uint64_t count;

	switch (source->kind) {
	case EV_IO:
		source->fn.io(source->ctx, source->fd, events);
		return 1;
	case EV_TIMER:
		/* Nothing to read: stopped or armed anew since epoll_wait() saw it. */
		if (read(source->fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
			return 0;
		source->fn.timer(source->ctx);
		return 1;
	case EV_SIGNAL:
		return dispatch_signals(source);
	case EV_WAKE:
		(void)!read(source->fd, &count, sizeof(count));
		return 0;
	}
	return 0;
}

int ev_run_once(struct ev *ev, int timeout_ms)
{
	struct epoll_event events[EV_BATCH];
	int n, n_calls = 0;

	n = epoll_wait(ev->epoll_fd, events, EV_BATCH, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	ev->depth++;
	for (int i = 0; i < n; i++) {
		struct ev_source *source = events[i].data.ptr;

		if (!source->dead)
			n_calls += dispatch_event(source, events[i].events);
	}
	if (!--ev->depth)
		free_dead(ev);
	return n_calls;
}

int ev_run(struct ev *ev)
{
	int r = 0;

	while (r >= 0 && !atomic_load_explicit(&ev->stop, memory_order_acquire))
		r = ev_run_once(ev, -1);
	atomic_store_explicit(&ev->stop, false, memory_order_relaxed);
	return r < 0 ? r : 0;
}

void ev_stop(struct ev *ev)
{
	atomic_store_explicit(&ev->stop, true, memory_order_release);
}

void ev_wake(struct ev *ev)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the loop is awake already. */
	(void)!write(ev->wake->fd, &one, sizeof(one));
}

int ev_add_io(struct ev *ev, int fd, uint32_t events, ev_io_fn *fn, void *ctx,
	struct ev_source **ret_source)
{
	struct ev_source *source;
	int r = add_source(ev, EV_IO, fd, events, ctx, &source);

	if (r < 0)
		return r;
	source->fn.io = fn;
	if (ret_source)
		*ret_source = source;
	return 0;
}

int ev_set_events(struct ev_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->dead || source->events == events)
		return 0;
	if (epoll_ctl(source->ev->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

int ev_add_timer(struct ev *ev, ev_timer_fn *fn, void *ctx, struct ev_source **ret_source)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct ev_source *source;
	int r;

	if (fd < 0)
		return -errno;
	r = add_source(ev, EV_TIMER, fd, EPOLLIN, ctx, &source);
	if (r < 0)
		return r;
	source->fn.timer = fn;
	if (ret_source)
		*ret_source = source;
	return 0;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

void ev_timer_set(struct ev_source *source, uint64_t delay_ns, uint64_t interval_ns)
{
	/* A zero it_value disarms a timerfd, so "at once" is one nanosecond. */
	struct itimerspec spec = {.it_value = to_timespec(delay_ns ? delay_ns : 1),
		.it_interval = to_timespec(interval_ns)};

	if (!source->dead)
		(void)timerfd_settime(source->fd, 0, &spec, NULL);
}

void ev_timer_stop(struct ev_source *source)
{
	struct itimerspec spec = {0};

	if (!source->dead)
		(void)timerfd_settime(source->fd, 0, &spec, NULL);
}

int ev_add_signals(struct ev *ev, const int *signos, unsigned n_signos, ev_signal_fn *fn, void *ctx,
	struct ev_source **ret_source)
{
	struct ev_source *source;
	sigset_t set;
	int fd, r;

	(void)sigemptyset(&set);
	for (unsigned i = 0; i < n_signos; i++) {
		if (sigaddset(&set, signos[i]) < 0)
			return -errno;
	}
	r = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r)
		return -r;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = add_source(ev, EV_SIGNAL, fd, EPOLLIN, ctx, &source);
	if (r < 0)
		return r;
	source->fn.signal = fn;
	if (ret_source)
		*ret_source = source;
	return 0;
}

struct closer *ev_closer(struct ev *ev)
{
	return ev->closer;
}
