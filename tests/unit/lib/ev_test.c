#include "ev.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define MSEC UINT64_C(1000000)

struct fixture {
	struct ev *ev;
	int fds[2], more_fds[2];
	struct ev_source *a, *b;
	int n_a;
	int last_signo;
	uint32_t last_events;
};

static struct fixture fx;

static int setup(void **state)
{
	fx = (struct fixture){0};
	assert_int_equal(ev_create(&fx.ev), 0);
	assert_int_equal(pipe(fx.fds), 0);
	assert_int_equal(pipe(fx.more_fds), 0);
	return 0;
}

static int teardown(void **state)
{
	ev_destroy(fx.ev);
	(void)close(fx.fds[0]);
	(void)close(fx.fds[1]);
	(void)close(fx.more_fds[0]);
	(void)close(fx.more_fds[1]);
	return 0;
}

static void on_a(void *ctx, int fd, uint32_t events)
{
	char byte;

	assert_ptr_equal(ctx, &fx);
	fx.last_events = events;
	fx.n_a++;
	if (events & EPOLLIN)
		assert_int_equal(read(fd, &byte, 1), 1);
}

static void poke(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void io_calls_back_per_readable_byte(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, on_a, &fx, NULL), 0);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
	poke(fx.fds[1]);
	poke(fx.fds[1]);
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
	assert_int_equal(fx.n_a, 2);
}

static void io_reports_hang_up(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, on_a, &fx, NULL), 0);
	(void)close(fx.fds[1]);
	fx.fds[1] = -1;
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
	assert_int_equal(fx.last_events, EPOLLHUP);
}

static void events_can_be_changed(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, on_a, &fx, &fx.a), 0);
	poke(fx.fds[1]);
	assert_int_equal(ev_set_events(fx.a, 0), 0);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
	assert_int_equal(ev_set_events(fx.a, EPOLLIN), 0);
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
}

static void one_fd_cannot_be_watched_twice(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, on_a, &fx, NULL), 0);
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, on_a, &fx, NULL), -EEXIST);
	assert_int_equal(ev_add_io(fx.ev, -1, EPOLLIN, on_a, &fx, NULL), -EBADF);
}

static void del_self(void *ctx, int fd, uint32_t events)
{
	fx.n_a++;
	ev_del(fx.a);
	ev_del(fx.a); /* twice is once while the round lasts */
	assert_int_equal(ev_set_events(fx.a, EPOLLIN), 0);
}

static void callback_may_delete_itself(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, del_self, &fx, &fx.a), 0);
	poke(fx.fds[1]);
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
	assert_int_equal(fx.n_a, 1);
}

static void del_both(void *ctx, int fd, uint32_t events)
{
	fx.n_a++;
	ev_del(fx.a);
	ev_del(fx.b);
}

static void deleted_source_gets_no_event_of_the_same_round(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, del_both, &fx, &fx.a), 0);
	assert_int_equal(ev_add_io(fx.ev, fx.more_fds[0], EPOLLIN, del_both, &fx, &fx.b), 0);
	poke(fx.fds[1]);
	poke(fx.more_fds[1]);
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
	assert_int_equal(fx.n_a, 1);
}

static void nest(void *ctx, int fd, uint32_t events)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), 1);
	fx.n_a++;
	ev_del(fx.b); /* its event was fetched by the outer round */
	ev_del(fx.a);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
}

static void nested_rounds_free_nothing_early(void **state)
{
	assert_int_equal(ev_add_io(fx.ev, fx.fds[0], EPOLLIN, nest, &fx, &fx.a), 0);
	assert_int_equal(ev_add_io(fx.ev, fx.more_fds[0], EPOLLIN, nest, &fx, &fx.b), 0);
	poke(fx.fds[1]);
	poke(fx.more_fds[1]);
	assert_int_equal(ev_run_once(fx.ev, 0), 1);
	assert_int_equal(fx.n_a, 1);
}

static void count_timer(void *ctx)
{
	fx.n_a++;
}

static void timer_fires_once(void **state)
{
	uint64_t start_ns = ev_now_ns();

	assert_int_equal(ev_add_timer(fx.ev, count_timer, &fx, &fx.a), 0);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
	ev_timer_set(fx.a, 5 * MSEC, 0);
	assert_int_equal(ev_run_once(fx.ev, 1000), 1);
	assert_true(ev_now_ns() - start_ns >= 5 * MSEC);
	assert_int_equal(ev_run_once(fx.ev, 20), 0);
	assert_int_equal(fx.n_a, 1);
}

static void timer_of_zero_fires_at_once(void **state)
{
	assert_int_equal(ev_add_timer(fx.ev, count_timer, &fx, &fx.a), 0);
	ev_timer_set(fx.a, 0, 0);
	assert_int_equal(ev_run_once(fx.ev, 1000), 1);
}

static void timer_repeats_until_stopped(void **state)
{
	assert_int_equal(ev_add_timer(fx.ev, count_timer, &fx, &fx.a), 0);
	ev_timer_set(fx.a, 1 * MSEC, 1 * MSEC);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ev_run_once(fx.ev, 1000), 1);
	ev_timer_stop(fx.a);
	assert_int_equal(ev_run_once(fx.ev, 10), 0);
	assert_int_equal(fx.n_a, 3);
}

static void stop_other_timer(void *ctx)
{
	fx.n_a++;
	ev_timer_stop(fx.a);
	ev_timer_stop(fx.b);
}

static void stopped_timer_does_not_fire_in_the_same_round(void **state)
{
	assert_int_equal(ev_add_timer(fx.ev, stop_other_timer, &fx, &fx.a), 0);
	assert_int_equal(ev_add_timer(fx.ev, stop_other_timer, &fx, &fx.b), 0);
	ev_timer_set(fx.a, 0, 0);
	ev_timer_set(fx.b, 0, 0);
	(void)usleep(2000);
	assert_int_equal(ev_run_once(fx.ev, 1000), 1);
	assert_int_equal(fx.n_a, 1);
}

static void on_signal(void *ctx, int signo)
{
	fx.n_a++;
	fx.last_signo = signo;
}

static void signals_arrive_on_the_loop(void **state)
{
	static const int signos[] = {SIGUSR1, SIGUSR2};

	assert_int_equal(ev_add_signals(fx.ev, signos, 2, on_signal, &fx, &fx.a), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(fx.n_a, 0);
	assert_int_equal(ev_run_once(fx.ev, 1000), 1);
	assert_int_equal(fx.last_signo, SIGUSR1);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(ev_run_once(fx.ev, 1000), 2);
	assert_int_equal(fx.n_a, 3);
}

static void invalid_signal_is_refused(void **state)
{
	static const int signos[] = {12345};

	assert_int_equal(ev_add_signals(fx.ev, signos, 1, on_signal, &fx, NULL), -EINVAL);
}

static void stop_loop(void *ctx)
{
	fx.n_a++;
	ev_stop(fx.ev);
}

static void run_ends_by_stop_and_can_run_again(void **state)
{
	assert_int_equal(ev_add_timer(fx.ev, stop_loop, &fx, &fx.a), 0);
	for (int i = 1; i <= 2; i++) {
		ev_timer_set(fx.a, 0, 0);
		assert_int_equal(ev_run(fx.ev), 0);
		assert_int_equal(fx.n_a, i);
	}
}

static void stop_before_run_is_not_lost(void **state)
{
	ev_stop(fx.ev);
	assert_int_equal(ev_run(fx.ev), 0);
}

static void *wake_later(void *ctx)
{
	(void)usleep(5000);
	ev_stop(ctx);
	ev_wake(ctx);
	return NULL;
}

static void wake_from_another_thread_ends_the_wait(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wake_later, fx.ev), 0);
	assert_int_equal(ev_run(fx.ev), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ev_run_once(fx.ev, 0), 0);
}

static void null_source_is_no_source(void **state)
{
	ev_del(NULL);
	ev_destroy(NULL);
}

#define EV_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EV_TEST(io_calls_back_per_readable_byte),
		EV_TEST(io_reports_hang_up),
		EV_TEST(events_can_be_changed),
		EV_TEST(one_fd_cannot_be_watched_twice),
		EV_TEST(callback_may_delete_itself),
		EV_TEST(deleted_source_gets_no_event_of_the_same_round),
		EV_TEST(nested_rounds_free_nothing_early),
		EV_TEST(timer_fires_once),
		EV_TEST(timer_of_zero_fires_at_once),
		EV_TEST(timer_repeats_until_stopped),
		EV_TEST(stopped_timer_does_not_fire_in_the_same_round),
		EV_TEST(signals_arrive_on_the_loop),
		EV_TEST(invalid_signal_is_refused),
		EV_TEST(run_ends_by_stop_and_can_run_again),
		EV_TEST(stop_before_run_is_not_lost),
		EV_TEST(wake_from_another_thread_ends_the_wait),
		EV_TEST(null_source_is_no_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
