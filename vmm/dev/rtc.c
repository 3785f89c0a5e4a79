#include "rtc.h"

#include "bus.h"
#include "env.h"
#include "err.h"
#include "ev.h"
#include "irq.h"
#include "layout.h"
#include "mc146818.h"
#include "mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RTC_PORT 0x70

struct rtc {
	const struct dev_env *env;
	uint64_t memory_low, memory_high;
	unsigned n_vcpus;
	int wake_fd; /* a vCPU changed when the timer is due */
	struct ev_source *wake_source;
	struct ev_source *timer; /* loop only */
	pthread_mutex_t lock;    /* guards all below */
	uint8_t index;
	bool is_paused;
	bool level; /* of the line */
	bool is_armed;
	uint64_t due_ns; /* while armed, ev_now_ns() */
	struct mc146818 mc;
};

static struct mc146818_now now_s(void)
{
	struct timespec wall = {0};

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	return (struct mc146818_now){
		.wall_ns = (int64_t)wall.tv_sec * INT64_C(1000000000) + wall.tv_nsec,
		.mono_ns = ev_now_ns(),
	};
}

static void drive_line_locked(struct rtc *rtc, bool level)
{
	if (level == rtc->level)
		return;
	rtc->level = level;
	irq_line_set(rtc->env->irq, LAYOUT_GSI_RTC, level);
}

/*
 * After an access of the guest: the line as it is now, and the loop woken when its timer is wrong.
 */
static void settle_locked(struct rtc *rtc, const struct mc146818_now *now)
{
	static const uint64_t one = 1;
	uint64_t delay_ns;

	drive_line_locked(rtc, mc146818_update(&rtc->mc, now));
	delay_ns = mc146818_delay_ns(&rtc->mc, now);
	/* A timer that comes too early looks again; only one that is missing or late is wrong. */
	if (delay_ns != MC146818_NEVER && (!rtc->is_armed || now->mono_ns + delay_ns < rtc->due_ns))
		(void)!write(rtc->wake_fd, &one, sizeof(one)); /* full = woken already */
}

/* On the loop: let time pass, and come back when the next interrupt is due. */
static void on_timer(void *ctx)
{
	struct rtc *rtc = ctx;
	struct mc146818_now now = now_s();
	uint64_t delay_ns = MC146818_NEVER;

	(void)pthread_mutex_lock(&rtc->lock);
	if (!rtc->is_paused) {
		drive_line_locked(rtc, mc146818_update(&rtc->mc, &now));
		delay_ns = mc146818_delay_ns(&rtc->mc, &now);
	}
	rtc->is_armed = delay_ns != MC146818_NEVER;
	rtc->due_ns = now.mono_ns + delay_ns;
	(void)pthread_mutex_unlock(&rtc->lock);
	if (delay_ns != MC146818_NEVER)
		ev_timer_set(rtc->timer, delay_ns, 0);
	else
		ev_timer_stop(rtc->timer);
}

static void on_wake(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count)); /* only resets the counter */
	on_timer(ctx);
}

static uint64_t read_port(void *ctx, uint64_t offset, unsigned size)
{
	struct rtc *rtc = ctx;
	struct mc146818_now now = now_s();
	uint64_t value;

	if (!offset)
		return 0xff; /* the index register cannot be read */
	(void)pthread_mutex_lock(&rtc->lock);
	value = mc146818_read(&rtc->mc, rtc->index, &now);
	settle_locked(rtc, &now);
	(void)pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void write_port(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct rtc *rtc = ctx;
	struct mc146818_now now = now_s();

	(void)pthread_mutex_lock(&rtc->lock);
	if (!offset) {
		rtc->index = (uint8_t)value & 0x7f; /* bit 7 masks NMI on a PC; there is none */
	} else {
		mc146818_write(&rtc->mc, rtc->index, (uint8_t)value, &now);
		settle_locked(rtc, &now);
	}
	(void)pthread_mutex_unlock(&rtc->lock);
}

static int create_parts(struct rtc *rtc)
{
	static const struct bus_ops ops = {.read = read_port, .write = write_port};
	int r;

	rtc->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rtc->wake_fd < 0)
		return -errno;
	r = ev_add_io(rtc->env->ev, rtc->wake_fd, EPOLLIN, on_wake, rtc, &rtc->wake_source);
	if (!r)
		r = ev_add_timer(rtc->env->ev, on_timer, rtc, &rtc->timer);
	if (!r)
		r = bus_register(rtc->env->pio, "rtc", RTC_PORT, 2, &ops, rtc, NULL);
	return r;
}

int rtc_create(const struct dev_env *env, unsigned n_vcpus, struct rtc **ret_rtc, struct err *err)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	const struct mem_region *regions;
	unsigned n_regions = mem_regions(env->mem, &regions);
	int r;

	if (!rtc)
		return err_set(err, -ENOMEM, "RTC: out of memory");
	(void)pthread_mutex_init(&rtc->lock, NULL);
	tzset(); /* reads files now; the sandbox forbids it later */
	rtc->env = env;
	rtc->n_vcpus = n_vcpus;
	rtc->wake_fd = -1;
	rtc->memory_low = regions[0].size_bytes;
	rtc->memory_high = n_regions > 1 ? regions[1].size_bytes : 0;
	r = create_parts(rtc);
	if (r < 0) {
		rtc_destroy(rtc);
		return err_set(err, r, "RTC: cannot be added: %s", strerror(-r));
	}
	rtc_reset(rtc);
	*ret_rtc = rtc;
	return 0;
}

/* Keeps the time, as a battery does. */
void rtc_reset(struct rtc *rtc)
{
	uint64_t above_16m =
		rtc->memory_low > (16u << 20) ? (rtc->memory_low - (16u << 20)) >> 16 : 0;
	uint64_t above_4g = rtc->memory_high >> 16;
	uint64_t extended_kib =
		rtc->memory_low > (64u << 20) ? 63 << 10 : (rtc->memory_low - (1u << 20)) >> 10;
	struct mc146818_now now = now_s();
	uint8_t *bytes = rtc->mc.bytes;

	(void)pthread_mutex_lock(&rtc->lock);
	rtc->index = 0;
	mc146818_reset(&rtc->mc, &now);
	drive_line_locked(rtc, false);
	bytes[0x30] = (uint8_t)extended_kib;
	bytes[0x31] = (uint8_t)(extended_kib >> 8);
	bytes[0x34] = (uint8_t)above_16m;
	bytes[0x35] = (uint8_t)(above_16m >> 8);
	bytes[0x5b] = (uint8_t)above_4g;
	bytes[0x5c] = (uint8_t)(above_4g >> 8);
	bytes[0x5d] = (uint8_t)(above_4g >> 16);
	bytes[0x5f] = (uint8_t)(rtc->n_vcpus - 1);
	(void)pthread_mutex_unlock(&rtc->lock);
}

void rtc_set_paused(struct rtc *rtc, bool is_paused)
{
	(void)pthread_mutex_lock(&rtc->lock);
	rtc->is_paused = is_paused;
	(void)pthread_mutex_unlock(&rtc->lock);
	on_timer(rtc); /* stops, or sees what was due */
}

void rtc_destroy(struct rtc *rtc)
{
	if (!rtc)
		return;
	ev_del(rtc->timer);
	ev_del(rtc->wake_source);
	if (rtc->wake_fd >= 0)
		(void)close(rtc->wake_fd);
	(void)pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

/* ---- In a machine ---- */

static void reset_device(void *device)
{
	rtc_reset(device);
}

static void destroy_device(void *device)
{
	rtc_destroy(device);
}

static void set_device_paused(void *device, bool is_paused)
{
	rtc_set_paused(device, is_paused);
}

const struct device_ops rtc_device_ops = {
	.set_paused = set_device_paused,
	.reset = reset_device,
	.destroy = destroy_device,
};
