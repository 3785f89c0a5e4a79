#include "mc146818.h"

#include <string.h>
#include <time.h>

enum {
	MC_SECONDS = 0,
	MC_SECONDS_ALARM = 1,
	MC_MINUTES = 2,
	MC_MINUTES_ALARM = 3,
	MC_HOURS = 4,
	MC_HOURS_ALARM = 5,
	MC_WEEKDAY = 6,
	MC_DAY = 7,
	MC_MONTH = 8,
	MC_YEAR = 9,
	MC_REG_A = 10,
	MC_REG_B = 11,
	MC_REG_C = 12,
	MC_REG_D = 13,
	MC_CENTURY = 0x32,
};

#define MC_A_UIP           0x80
#define MC_A_32KHZ_1024HZ  0x26
#define MC_A_RATE          0x0f
#define MC_A_DIVIDER_RESET 0x60 /* both bits: the divider stands still */

/* The same bits enable an interrupt in register B and are its flag in C. */
#define MC_PERIODIC   0x40
#define MC_ALARM      0x20
#define MC_UPDATE     0x10
#define MC_INTERRUPTS (MC_PERIODIC | MC_ALARM | MC_UPDATE)
#define MC_C_IRQ      0x80

#define MC_B_SET    0x80
#define MC_B_BINARY 0x04
#define MC_B_24H    0x02
#define MC_D_VALID  0x80

#define MC_ALARM_ANY 0xc0 /* in an alarm byte: at every one */

#define MC_NS_PER_S        INT64_C(1000000000)
#define MC_UIP_NS          INT64_C(244000) /* UIP is up that long before an update */
#define MC_SECONDS_PER_DAY 86400

static bool mc_is_time(unsigned at)
{
	return (at <= MC_YEAR && at != MC_SECONDS_ALARM && at != MC_MINUTES_ALARM &&
		       at != MC_HOURS_ALARM) ||
	       at == MC_CENTURY;
}

static bool mc_is_divider_reset(const struct mc146818 *mc)
{
	return (mc->bytes[MC_REG_A] & MC_A_DIVIDER_RESET) == MC_A_DIVIDER_RESET;
}

/* Do the clock bytes stand still? */
static bool mc_is_held(const struct mc146818 *mc)
{
	return mc->bytes[MC_REG_B] & MC_B_SET || mc_is_divider_reset(mc);
}

/* The guest's time: seconds since 1970, and the nanoseconds into this one. */
struct mc_time {
	int64_t s, ns;
};

static struct mc_time mc_guest_time(const struct mc146818 *mc, const struct mc146818_now *now)
{
	struct mc_time t = {now->wall_ns / MC_NS_PER_S, now->wall_ns % MC_NS_PER_S};

	if (t.ns < 0) {
		t.ns += MC_NS_PER_S;
		t.s--;
	}
	t.s += mc->offset_s;
	t.ns += mc->offset_ns;
	if (t.ns >= MC_NS_PER_S) {
		t.ns -= MC_NS_PER_S;
		t.s++;
	}
	return t;
}

/* Nanoseconds between periodic interrupts; 0 = none. */
static uint64_t mc_period_ns(const struct mc146818 *mc)
{
	unsigned rate = mc->bytes[MC_REG_A] & MC_A_RATE;
	uint64_t ns;

	if (!rate || mc_is_divider_reset(mc))
		return 0;
	if (rate <= 2)
		rate += 7; /* at 32,768 Hz the two highest rates are those of 8 and 9 */
	ns = ((UINT64_C(1) << (rate - 1)) * MC_NS_PER_S) / 32768;
	return ns < MC_NS_PER_S / MC146818_MAX_HZ ? MC_NS_PER_S / MC146818_MAX_HZ : ns;
}

/* ---- Clock bytes ----------------------------------------------------------------------------- */

static uint8_t mc_encode(const struct mc146818 *mc, int value)
{
	if (mc->bytes[MC_REG_B] & MC_B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static int mc_decode(const struct mc146818 *mc, uint8_t byte)
{
	if (mc->bytes[MC_REG_B] & MC_B_BINARY)
		return byte;
	return (byte >> 4) * 10 + (byte & 15);
}

static uint8_t mc_encode_hour(const struct mc146818 *mc, int hour)
{
	int hour12 = hour % 12 ? hour % 12 : 12;

	if (mc->bytes[MC_REG_B] & MC_B_24H)
		return mc_encode(mc, hour);
	return (uint8_t)(mc_encode(mc, hour12) | (hour >= 12 ? 0x80 : 0));
}

/* Put the present time into the clock bytes, unless they stand still. */
static void mc_refresh(struct mc146818 *mc, const struct mc146818_now *now)
{
	time_t second = (time_t)mc_guest_time(mc, now).s;
	struct tm tm;

	if (mc_is_held(mc) || !gmtime_r(&second, &tm))
		return;
	mc->bytes[MC_SECONDS] = mc_encode(mc, tm.tm_sec);
	mc->bytes[MC_MINUTES] = mc_encode(mc, tm.tm_min);
	mc->bytes[MC_HOURS] = mc_encode_hour(mc, tm.tm_hour);
	mc->bytes[MC_WEEKDAY] = mc_encode(mc, tm.tm_wday + 1);
	mc->bytes[MC_DAY] = mc_encode(mc, tm.tm_mday);
	mc->bytes[MC_MONTH] = mc_encode(mc, tm.tm_mon + 1);
	mc->bytes[MC_YEAR] = mc_encode(mc, tm.tm_year % 100);
	mc->bytes[MC_CENTURY] = mc_encode(mc, 19 + tm.tm_year / 100);
}

/* The clock runs on from its bytes: take their time over, fraction_ns into the second. */
static void mc_take_time(struct mc146818 *mc, const struct mc146818_now *now, int64_t fraction_ns)
{
	const uint8_t *b = mc->bytes;
	int hour = mc_decode(mc, b[MC_HOURS] & 0x7f);
	struct tm tm = {
		.tm_sec = mc_decode(mc, b[MC_SECONDS]),
		.tm_min = mc_decode(mc, b[MC_MINUTES]),
		.tm_mday = mc_decode(mc, b[MC_DAY]),
		.tm_mon = mc_decode(mc, b[MC_MONTH]) - 1,
		.tm_year = mc_decode(mc, b[MC_YEAR]) + (mc_decode(mc, b[MC_CENTURY]) - 19) * 100,
	};
	struct mc_time host;

	if (!(b[MC_REG_B] & MC_B_24H))
		hour = hour % 12 + (b[MC_HOURS] & 0x80 ? 12 : 0);
	tm.tm_hour = hour;
	mc->second = (int64_t)timegm(&tm);
	mc->offset_s = mc->offset_ns = 0;
	host = mc_guest_time(mc, now);
	mc->offset_s = mc->second - host.s;
	mc->offset_ns = fraction_ns - host.ns;
	if (mc->offset_ns < 0) {
		mc->offset_ns += MC_NS_PER_S;
		mc->offset_s--;
	}
}

/* ---- Flags ----------------------------------------------------------------------------------- */

static bool mc_alarm_byte_matches(uint8_t alarm, uint8_t byte)
{
	return (alarm & MC_ALARM_ANY) == MC_ALARM_ANY || alarm == byte;
}

static bool mc_alarm_matches(const struct mc146818 *mc, int64_t second)
{
	int of_day = (int)(second % MC_SECONDS_PER_DAY);
	const uint8_t *b = mc->bytes;

	if (of_day < 0)
		of_day += MC_SECONDS_PER_DAY;
	return mc_alarm_byte_matches(b[MC_SECONDS_ALARM], mc_encode(mc, of_day % 60)) &&
	       mc_alarm_byte_matches(b[MC_MINUTES_ALARM], mc_encode(mc, of_day / 60 % 60)) &&
	       mc_alarm_byte_matches(b[MC_HOURS_ALARM], mc_encode_hour(mc, of_day / 3600));
}

/* The updates since the last call; of a long time, the last day is all an alarm can match. */
static void mc_pass_seconds(struct mc146818 *mc, const struct mc146818_now *now)
{
	int64_t second = mc_guest_time(mc, now).s;
	int64_t from = mc->second;

	if (mc_is_held(mc) || second == from)
		return;
	mc->second = second;
	if (second < from)
		return; /* the host's clock was set back */
	mc->bytes[MC_REG_C] |= MC_UPDATE;
	if (from < second - MC_SECONDS_PER_DAY)
		from = second - MC_SECONDS_PER_DAY;
	for (int64_t s = from + 1; s <= second && !(mc->bytes[MC_REG_C] & MC_ALARM); s++) {
		if (mc_alarm_matches(mc, s))
			mc->bytes[MC_REG_C] |= MC_ALARM;
	}
}

static void mc_pass_periods(struct mc146818 *mc, const struct mc146818_now *now)
{
	uint64_t period_ns = mc_period_ns(mc);

	if (!period_ns || now->mono_ns - mc->tick_ns < period_ns)
		return;
	mc->bytes[MC_REG_C] |= MC_PERIODIC;
	/* On the same grid as before, however late this comes. */
	mc->tick_ns = now->mono_ns - (now->mono_ns - mc->tick_ns) % period_ns;
}

bool mc146818_update(struct mc146818 *mc, const struct mc146818_now *now)
{
	uint8_t *c = &mc->bytes[MC_REG_C];

	mc_pass_seconds(mc, now);
	mc_pass_periods(mc, now);
	*c &= MC_INTERRUPTS;
	if (*c & mc->bytes[MC_REG_B] & MC_INTERRUPTS)
		*c |= MC_C_IRQ;
	return *c & MC_C_IRQ;
}

uint64_t mc146818_delay_ns(const struct mc146818 *mc, const struct mc146818_now *now)
{
	/* Enabled and not up yet: one that is up waits for the guest. */
	uint8_t wanted = mc->bytes[MC_REG_B] & ~mc->bytes[MC_REG_C] & MC_INTERRUPTS;
	uint64_t period_ns = mc_period_ns(mc), delay_ns = MC146818_NEVER;

	if (wanted & MC_PERIODIC && period_ns) {
		uint64_t gone_ns = now->mono_ns - mc->tick_ns;

		delay_ns = gone_ns < period_ns ? period_ns - gone_ns : 0;
	}
	if (wanted & (MC_ALARM | MC_UPDATE) && !mc_is_held(mc)) {
		uint64_t left_ns = (uint64_t)(MC_NS_PER_S - mc_guest_time(mc, now).ns);

		if (left_ns < delay_ns)
			delay_ns = left_ns;
	}
	return delay_ns;
}

/* ---- Registers ------------------------------------------------------------------------------- */

void mc146818_reset(struct mc146818 *mc, const struct mc146818_now *now)
{
	memset(mc->bytes, 0, sizeof(mc->bytes));
	mc->bytes[MC_REG_A] = MC_A_32KHZ_1024HZ;
	mc->bytes[MC_REG_B] = MC_B_24H;
	mc->bytes[MC_REG_D] = MC_D_VALID;
	mc->second = mc_guest_time(mc, now).s;
	mc->tick_ns = now->mono_ns;
}

uint8_t mc146818_read(struct mc146818 *mc, unsigned at, const struct mc146818_now *now)
{
	uint8_t byte;

	(void)mc146818_update(mc, now);
	if (mc_is_time(at))
		mc_refresh(mc, now);
	byte = mc->bytes[at];
	if (at == MC_REG_C)
		mc->bytes[MC_REG_C] = 0;
	else if (at == MC_REG_A && !mc_is_held(mc) &&
		 mc_guest_time(mc, now).ns >= MC_NS_PER_S - MC_UIP_NS)
		byte |= MC_A_UIP;
	return byte;
}

void mc146818_write(struct mc146818 *mc, unsigned at, uint8_t byte, const struct mc146818_now *now)
{
	bool was_held = mc_is_held(mc), was_reset = mc_is_divider_reset(mc);
	uint8_t rate = mc->bytes[MC_REG_A];
	int64_t fraction_ns = mc_guest_time(mc, now).ns;

	if (at == MC_REG_C || at == MC_REG_D)
		return;
	(void)mc146818_update(mc, now);
	mc_refresh(mc,
		now); /* the other clock bytes, before this one or how they are written changes */
	if (at == MC_REG_A)
		byte &= (uint8_t)~MC_A_UIP;
	if (at == MC_REG_B && byte & MC_B_SET)
		byte &= (uint8_t)~MC_UPDATE;
	mc->bytes[at] = byte;
	if (at == MC_REG_A && byte != rate)
		mc->tick_ns = now->mono_ns;
	if (mc_is_held(mc) || (!was_held && !mc_is_time(at)))
		return;
	mc_take_time(mc, now, was_reset ? MC_NS_PER_S / 2 : fraction_ns);
}
