#include "closer.h"

#include "guarded.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CLOSER_STACK_BYTES (256 * 1024)
#define CUT_SIGNAL         SIGURG /* ignored unless it is caught */
#define NS_PER_MS          1000000L

struct job {
	int fd;     /* -1: a mapping */
	void *base; /* of size bytes */
	size_t size;
	void (*done)(size_t size);
};

struct closer {
	unsigned max_wait_ms;
	int (*enter)(void *ctx);
	void *enter_ctx;

	pthread_mutex_t lock;        /* guards all below */
	pthread_cond_t changed;      /* a thread that stays has entered, or has something to do */
	struct job jobs[CLOSER_MAX]; /* a ring: jobs[first], n of them; the first is worked on */
	unsigned first, n;
	int enter_code;  /* of the thread that stays; 1 = it has not entered yet */
	bool stays;      /* the thread waits for more */
	bool is_running; /* there is a thread */
	bool is_orphan;  /* its user is gone: the thread frees it */
};

/* ---- The thread ---- */

static void cut_short(int signo)
{
	(void)signo; /* whatever waited has returned */
}

/* Of this thread alone. */
static bool make_timer(timer_t *ret_timer)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = CUT_SIGNAL};

	event._sigev_un._tid = gettid();
	return !timer_create(CLOCK_MONOTONIC, &event, ret_timer);
}

/* Again and again, in case a signal comes before the waiting begins; 0 = no more. */
static void set_timer(timer_t timer, unsigned ms)
{
	const struct timespec period = {ms / 1000, ms % 1000 * NS_PER_MS};
	const struct itimerspec spec = {period, period};

	(void)timer_settime(timer, 0, &spec, NULL);
}

static void do_job(const struct job *job)
{
	if (job->fd >= 0) {
		close(job->fd); /* Linux has closed it, whatever interrupted the waiting */
		return;
	}
	guarded_unmap(job->base, job->size);
	job->done(job->size);
}

static void free_closer(struct closer *closer)
{
	pthread_cond_destroy(&closer->changed);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}

static bool enter_locked(struct closer *closer)
{
	if (closer->stays) {
		closer->enter_code = closer->enter ? closer->enter(closer->enter_ctx) : 0;
		pthread_cond_broadcast(&closer->changed);
	}
	return closer->enter_code >= 0;
}

static bool wait_for_job_locked(struct closer *closer)
{
	while (!closer->n && closer->stays && !closer->is_orphan)
		pthread_cond_wait(&closer->changed, &closer->lock);
	return closer->n;
}

static void *work(void *arg)
{
	struct closer *closer = arg;
	timer_t timer = NULL;
	/* Where there is none to be had, it waits as long as it takes. */
	bool cuts = closer->max_wait_ms && make_timer(&timer), is_orphan, may_work;

	(void)pthread_setname_np(pthread_self(), "closer");
	pthread_mutex_lock(&closer->lock);
	may_work = enter_locked(closer);
	while (may_work && wait_for_job_locked(closer)) {
		struct job job = closer->jobs[closer->first];

		pthread_mutex_unlock(&closer->lock);
		if (cuts)
			set_timer(timer, closer->max_wait_ms);
		do_job(&job);
		if (cuts)
			set_timer(timer, 0);
		pthread_mutex_lock(&closer->lock);
		closer->first = (closer->first + 1) % CLOSER_MAX;
		closer->n--;
	}
	closer->is_running = false;
	is_orphan = closer->is_orphan;
	pthread_mutex_unlock(&closer->lock);
	if (cuts)
		(void)timer_delete(timer);
	if (is_orphan)
		free_closer(closer);
	return NULL;
}

static void start_locked(struct closer *closer)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (closer->is_running || closer->enter_code < 0 || pthread_attr_init(&attr))
		return;
	sigfillset(&all);
	sigdelset(&all, CUT_SIGNAL);
	sigdelset(&all, SIGSYS); /* a sandbox tells by it what it refused */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_setstacksize(&attr, CLOSER_STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	closer->is_running = !pthread_create(&thread, &attr, work, closer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

/* Where there is no thread to be had, the next job, or the next look, tries again. */
static void wake_locked(struct closer *closer)
{
	if (closer->n)
		start_locked(closer);
	pthread_cond_signal(&closer->changed); /* one that stays */
}

/* ---- Its user ---- */

struct closer *closer_create(unsigned max_wait_ms)
{
	const struct sigaction action = {.sa_handler = cut_short, .sa_flags = SA_RESTART};
	struct closer *closer = calloc(1, sizeof(*closer));

	if (!closer)
		return NULL;
	if (max_wait_ms)
		(void)sigaction(CUT_SIGNAL, &action, NULL); /* cannot fail for a valid signal */
	closer->max_wait_ms = max_wait_ms;
	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->changed, NULL);
	return closer;
}

int closer_start(struct closer *closer, int (*enter)(void *ctx), void *ctx)
{
	int r;

	pthread_mutex_lock(&closer->lock);
	r = closer->is_running ? -EBUSY : 0;
	if (!r) {
		closer->enter = enter;
		closer->enter_ctx = ctx;
		closer->enter_code = 1;
		closer->stays = true;
		start_locked(closer);
		while (closer->is_running && closer->enter_code == 1)
			pthread_cond_wait(&closer->changed, &closer->lock);
		r = closer->enter_code == 1 ? -EAGAIN : closer->enter_code;
	}
	pthread_mutex_unlock(&closer->lock);
	return r;
}

static void add(struct closer *closer, struct job job)
{
	pthread_mutex_lock(&closer->lock);
	/* The limit cannot be reached. If it were, what is open stays open: nobody waits. */
	if (closer->n < CLOSER_MAX)
		closer->jobs[(closer->first + closer->n++) % CLOSER_MAX] = job;
	wake_locked(closer);
	pthread_mutex_unlock(&closer->lock);
}

void closer_close(struct closer *closer, int fd)
{
	if (fd >= 0)
		add(closer, (struct job){.fd = fd});
}

void closer_unmap(struct closer *closer, void *base, size_t size, void (*done)(size_t size))
{
	add(closer, (struct job){-1, base, size, done});
}

bool closer_is_behind(struct closer *closer)
{
	bool is_behind;

	pthread_mutex_lock(&closer->lock);
	wake_locked(closer);
	is_behind = closer->n > CLOSER_BEHIND;
	pthread_mutex_unlock(&closer->lock);
	return is_behind;
}

void closer_destroy(struct closer *closer)
{
	bool is_running;

	if (!closer)
		return;
	pthread_mutex_lock(&closer->lock);
	closer->is_orphan = true;
	wake_locked(closer);
	is_running = closer->is_running;
	pthread_mutex_unlock(&closer->lock);
	/* Without a thread to be had nothing is left of it but what stays open. */
	if (!is_running)
		free_closer(closer);
}
