#include "rtc.h"

#include "bus.h"
#include "env.h"
#include "err.h"
#include "mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RTC_PORT 0x70
#define RTC_SIZE 128

enum {
	RTC_SECONDS = 0,
	RTC_MINUTES = 2,
	RTC_HOURS = 4,
	RTC_WEEKDAY = 6,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_REG_A = 10,
	RTC_REG_B = 11,
	RTC_REG_C = 12,
	RTC_REG_D = 13,
	RTC_CENTURY = 0x32,
};
#define RTC_A_32KHZ  0x26
#define RTC_B_SET    0x80
#define RTC_B_BINARY 0x04
#define RTC_B_24H    0x02
#define RTC_D_VALID  0x80

struct rtc {
	uint64_t memory_low, memory_high;
	unsigned n_vcpus;
	pthread_mutex_t lock; /* guards all below */
	uint8_t index;
	uint8_t bytes[RTC_SIZE];
	int64_t offset_s; /* guest time - host time */
};

static bool rtc_is_time(unsigned at)
{
	return (at <= RTC_YEAR && at != 1 && at != 3 && at != 5) || at == RTC_CENTURY;
}

static uint8_t rtc_encode(const struct rtc *rtc, int value)
{
	if (rtc->bytes[RTC_REG_B] & RTC_B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static int rtc_decode(const struct rtc *rtc, uint8_t byte)
{
	if (rtc->bytes[RTC_REG_B] & RTC_B_BINARY)
		return byte;
	return (byte >> 4) * 10 + (byte & 15);
}

/* Put the present time into the clock bytes, unless the guest is setting them. */
static void rtc_refresh_locked(struct rtc *rtc)
{
	time_t now = time(NULL) + (time_t)rtc->offset_s;
	struct tm tm;

	if (rtc->bytes[RTC_REG_B] & RTC_B_SET || !gmtime_r(&now, &tm))
		return;
	rtc->bytes[RTC_SECONDS] = rtc_encode(rtc, tm.tm_sec);
	rtc->bytes[RTC_MINUTES] = rtc_encode(rtc, tm.tm_min);
	if (rtc->bytes[RTC_REG_B] & RTC_B_24H) {
		rtc->bytes[RTC_HOURS] = rtc_encode(rtc, tm.tm_hour);
	} else {
		int hour = tm.tm_hour % 12 ? tm.tm_hour % 12 : 12;

		rtc->bytes[RTC_HOURS] =
			(uint8_t)(rtc_encode(rtc, hour) | (tm.tm_hour >= 12 ? 0x80 : 0));
	}
	rtc->bytes[RTC_WEEKDAY] = rtc_encode(rtc, tm.tm_wday + 1);
	rtc->bytes[RTC_DAY] = rtc_encode(rtc, tm.tm_mday);
	rtc->bytes[RTC_MONTH] = rtc_encode(rtc, tm.tm_mon + 1);
	rtc->bytes[RTC_YEAR] = rtc_encode(rtc, tm.tm_year % 100);
	rtc->bytes[RTC_CENTURY] = rtc_encode(rtc, 19 + tm.tm_year / 100);
}

/* The guest wrote a clock byte or ended setting them: take its time over. */
static void rtc_take_time_locked(struct rtc *rtc)
{
	const uint8_t *b = rtc->bytes;
	int hour = rtc_decode(rtc, b[RTC_HOURS] & 0x7f);
	struct tm tm = {
		.tm_sec = rtc_decode(rtc, b[RTC_SECONDS]),
		.tm_min = rtc_decode(rtc, b[RTC_MINUTES]),
		.tm_mday = rtc_decode(rtc, b[RTC_DAY]),
		.tm_mon = rtc_decode(rtc, b[RTC_MONTH]) - 1,
		.tm_year =
			rtc_decode(rtc, b[RTC_YEAR]) + (rtc_decode(rtc, b[RTC_CENTURY]) - 19) * 100,
	};

	if (!(b[RTC_REG_B] & RTC_B_24H))
		hour = hour % 12 + (b[RTC_HOURS] & 0x80 ? 12 : 0);
	tm.tm_hour = hour;
	rtc->offset_s = (int64_t)timegm(&tm) - (int64_t)time(NULL);
}

static uint64_t rtc_read(void *ctx, uint64_t offset, unsigned size)
{
	struct rtc *rtc = ctx;
	uint64_t value = 0xff; // the index register cannot be read

	if (!offset)
		return value;
	(void)pthread_mutex_lock(&rtc->lock);
	if (rtc_is_time(rtc->index))
		rtc_refresh_locked(rtc);
	value = rtc->bytes[rtc->index];
	(void)pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct rtc *rtc = ctx;
	uint8_t byte = (uint8_t)value, before;

	(void)pthread_mutex_lock(&rtc->lock);
	if (!offset) {
		rtc->index = byte & 0x7f; // bit 7 masks NMI on a PC; there is none
	} else if (rtc->index == RTC_REG_A) {
		rtc->bytes[RTC_REG_A] = byte & 0x7f;
	} else if (rtc->index != RTC_REG_C && rtc->index != RTC_REG_D) {
		before = rtc->bytes[RTC_REG_B];
		if (rtc_is_time(rtc->index) || rtc->index == RTC_REG_B)
			rtc_refresh_locked(rtc); // the other clock bytes, before this one changes
		rtc->bytes[rtc->index] = byte;
		if (!(rtc->bytes[RTC_REG_B] & RTC_B_SET) &&
			(rtc_is_time(rtc->index) ||
				(rtc->index == RTC_REG_B && before & RTC_B_SET)))
			rtc_take_time_locked(rtc);
	}
	(void)pthread_mutex_unlock(&rtc->lock);
}

static const struct bus_ops rtc_ops = {.read = rtc_read, .write = rtc_write};

int rtc_create(const struct dev_env *env, unsigned n_vcpus, struct rtc **ret_rtc, struct err *err)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	const struct mem_region *regions;
	unsigned n_regions = mem_regions(env->mem, &regions);
	int code;

	if (!rtc)
		return err_set(err, -ENOMEM, "RTC: out of memory");
	(void)pthread_mutex_init(&rtc->lock, NULL);
	tzset(); // reads files now; the sandbox forbids it later
	rtc->n_vcpus = n_vcpus;
	rtc->memory_low = regions[0].size_bytes;
	rtc->memory_high = n_regions > 1 ? regions[1].size_bytes : 0;
	code = bus_register(env->pio, "rtc", RTC_PORT, 2, &rtc_ops, rtc, NULL);
	if (code < 0) {
		free(rtc);
		return err_set(err, code, "RTC: cannot register its ports: %s", strerror(-code));
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

	(void)pthread_mutex_lock(&rtc->lock);
	memset(rtc->bytes, 0, sizeof(rtc->bytes));
	rtc->index = 0;
	rtc->bytes[RTC_REG_A] = RTC_A_32KHZ;
	rtc->bytes[RTC_REG_B] = RTC_B_24H;
	rtc->bytes[RTC_REG_D] = RTC_D_VALID;
	rtc->bytes[0x30] = (uint8_t)extended_kib;
	rtc->bytes[0x31] = (uint8_t)(extended_kib >> 8);
	rtc->bytes[0x34] = (uint8_t)above_16m;
	rtc->bytes[0x35] = (uint8_t)(above_16m >> 8);
	rtc->bytes[0x5b] = (uint8_t)above_4g;
	rtc->bytes[0x5c] = (uint8_t)(above_4g >> 8);
	rtc->bytes[0x5d] = (uint8_t)(above_4g >> 16);
	rtc->bytes[0x5f] = (uint8_t)(rtc->n_vcpus - 1);
	(void)pthread_mutex_unlock(&rtc->lock);
}

void rtc_destroy(struct rtc *rtc)
{
	if (!rtc)
		return;
	(void)pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}
