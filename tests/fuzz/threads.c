#include "threads.h"

#include <errno.h>
#include <pthread.h>

#define MAX_WAITING 64

struct start {
	void *(*fn)(void *arg);
	void *arg;
};

int __real_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*fn)(void *arg),
	void *arg);
int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*fn)(void *arg),
	void *arg);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_waiting = PTHREAD_COND_INITIALIZER;
static pthread_cond_t is_done = PTHREAD_COND_INITIALIZER;
static struct start waiting[MAX_WAITING];
static unsigned n_waiting;
static unsigned n_idle;    /* threads */
static unsigned n_started; /* and not done */

static void *run(void *arg)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		struct start start;

		n_idle++;
		while (!n_waiting)
			pthread_cond_wait(&is_waiting, &lock);
		n_idle--;
		start = waiting[--n_waiting];
		pthread_mutex_unlock(&lock);
		(void)start.fn(start.arg);
		pthread_mutex_lock(&lock);
		n_started--;
		pthread_cond_signal(&is_done);
	}
	return arg;
}

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*fn)(void *arg),
	void *arg)
{
	int error = 0, state = PTHREAD_CREATE_JOINABLE;

	if (attr)
		(void)pthread_attr_getdetachstate(attr, &state);
	if (state == PTHREAD_CREATE_JOINABLE) /* ends, to be joined: one that stays never does */
		return __real_pthread_create(ret_thread, attr, fn, arg);
	pthread_mutex_lock(&lock);
	if (n_waiting == MAX_WAITING)
		error = EAGAIN;
	else if (n_waiting >= n_idle)
		error = __real_pthread_create(ret_thread, attr, run, NULL);
	if (!error) {
		waiting[n_waiting++] = (struct start){fn, arg};
		n_started++;
		pthread_cond_signal(&is_waiting);
	}
	pthread_mutex_unlock(&lock);
	return error;
}

unsigned threads_count(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = n_started;
	pthread_mutex_unlock(&lock);
	return n;
}

void threads_wait(unsigned n_left)
{
	pthread_mutex_lock(&lock);
	while (n_started > n_left)
		pthread_cond_wait(&is_done, &lock);
	pthread_mutex_unlock(&lock);
}
