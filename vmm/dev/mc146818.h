/**
 * mc146818: the clock chip of a PC by itself: 128 bytes, time of day, alarm, periodic, alarm and
 * update-ended interrupts. Pure: the time comes in with each call, nothing is waited for.
 *
 * Data model. The guest's time of day is the host's plus a difference, which may be centuries; the
 * clock bytes are made from it whenever they are looked at. While the guest sets the clock
 * (register
 * B: SET) or holds the divider in reset (register A), the bytes stand still; after that its time is
 * theirs, half a second before the next full one when it came out of the divider's reset.
 * Flags of register C go up as time passes, whether their interrupt is enabled or not, and go down
 * by reading C. An interrupt that was not read yet swallows the next ones of its kind, so that a
 * guest that does not listen costs nothing: mc146818_delay_ns() is then "never".
 * Rates above MC146818_MAX_HZ come at that rate.
 *
 * Who uses it: rtc.c, which has ports, lock, timer and interrupt line.
 * Source: Motorola MC146818A data sheet, "Registers", "Interrupts", "Update Cycle".
 */
#ifndef WEFT_VMM_DEV_MC146818_H
#define WEFT_VMM_DEV_MC146818_H

#include <stdbool.h>
#include <stdint.h>

#define MC146818_SIZE   128
#define MC146818_MAX_HZ 1024
#define MC146818_NEVER  UINT64_MAX

/** The host's clocks at the time of a call. */
struct mc146818_now {
	int64_t wall_ns;  /* CLOCK_REALTIME */
	uint64_t mono_ns; /* CLOCK_MONOTONIC: periodic interrupts */
};

struct mc146818 {
	uint8_t bytes[MC146818_SIZE];
	int64_t offset_s;  /* guest time - host time, */
	int64_t offset_ns; /* and 0..999,999,999 more */
	int64_t second;    /* of guest time, up to which updates were counted */
	uint64_t tick_ns;  /* when the periodic flag went up last, or counting began */
};

/** Power-on and reset: all bytes zero but what the chip itself has; the time is kept. */
void mc146818_reset(struct mc146818 *mc, const struct mc146818_now *now);
/** at: 0..127. Reading register C takes its flags down. */
uint8_t mc146818_read(struct mc146818 *mc, unsigned at, const struct mc146818_now *now);
void mc146818_write(struct mc146818 *mc, unsigned at, uint8_t byte, const struct mc146818_now *now);

/** Let time pass up to now. Returns the level of the interrupt line. */
bool mc146818_update(struct mc146818 *mc, const struct mc146818_now *now);
/** When mc146818_update() is to be called next for an enabled interrupt, from now. */
uint64_t mc146818_delay_ns(const struct mc146818 *mc, const struct mc146818_now *now);

#endif
