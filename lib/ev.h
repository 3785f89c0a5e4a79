/**
 * ev: the event loop of the control threads (epoll, timerfd, signalfd).
 *
 * Data model: a loop owns sources; a source watches one fd, one timer or a set of signals and calls
 * back on the loop's thread. Sources are freed by ev_del() or with the loop; a callback may delete
 * any source, its own included: freeing is deferred until the dispatch round ends.
 * Threads: a loop and its sources belong to one thread, except ev_wake(), callable from any.
 * Limits: level-triggered only; timers have nanosecond arguments on CLOCK_MONOTONIC.
 */
#ifndef WEFT_LIB_EV_H
#define WEFT_LIB_EV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct closer;
struct ev;
struct ev_source;

/** events = EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR as epoll reports them. */
typedef void ev_io_fn(void *ctx, int fd, uint32_t events);
typedef void ev_timer_fn(void *ctx);
typedef void ev_signal_fn(void *ctx, int signo);

/** Life cycle. ret_ev owned by the caller. -ENOMEM, or what epoll_create1() gave. */
int ev_create(struct ev **ret_ev);
void ev_destroy(struct ev *ev);

/** Dispatch until ev_stop(). Returns 0 or -errno of epoll_wait(). */
int ev_run(struct ev *ev);
/** One round; timeout_ms as epoll_wait(). Returns the number of callbacks made, or -errno. */
int ev_run_once(struct ev *ev, int timeout_ms);
void ev_stop(struct ev *ev);
/** Make ev_run_once() return from its wait. Any thread. */
void ev_wake(struct ev *ev);

/** Watch fd (borrowed: the caller closes it after ev_del()). ret_source may be NULL. */
int ev_add_io(struct ev *ev, int fd, uint32_t events, ev_io_fn *fn, void *ctx,
	struct ev_source **ret_source);
/** Change the events that an I/O source waits for. */
int ev_set_events(struct ev_source *source, uint32_t events);

/** A timer, disarmed at first. */
int ev_add_timer(struct ev *ev, ev_timer_fn *fn, void *ctx, struct ev_source **ret_source);
/** Arm: first call after delay_ns (0 = as soon as possible), then every interval_ns (0 = once). */
void ev_timer_set(struct ev_source *source, uint64_t delay_ns, uint64_t interval_ns);
void ev_timer_stop(struct ev_source *source);

/** Block the signals in signos[n_signos] in this thread and deliver them to fn on the loop. */
int ev_add_signals(struct ev *ev, const int *signos, unsigned n_signos, ev_signal_fn *fn, void *ctx,
	struct ev_source **ret_source);

/**
 * The loop's closer (closer.h), for all that its callbacks get from strangers: it closes where the
 * loop does not wait, and no descriptor holds it longer than EV_MAX_CLOSE_MS. Borrowed.
 */
struct closer *ev_closer(struct ev *ev);
#define EV_MAX_CLOSE_MS 20

/** Remove and free; NULL is accepted. */
void ev_del(struct ev_source *source);

/** CLOCK_MONOTONIC in nanoseconds. */
uint64_t ev_now_ns(void);

#endif
