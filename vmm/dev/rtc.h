/**
 * rtc: the battery-backed clock and its 128 bytes of CMOS, ports 0x70 and 0x71, interrupt line 8.
 *
 * The clock follows the host's, in UTC; what a guest sets it to is kept as a difference. Memory
 * sizes are where firmware looks for them. The chip is mc146818.h; here are its ports, its timer
 * and its line. While the machine is paused no interrupt comes; what was due comes once after it.
 * Threads: vCPU threads; one lock inside (before irq in the order of bus.h). The timer is the
 * loop's: a vCPU that changes when it is due wakes the loop.
 * Source: Motorola MC146818A data sheet; CMOS addresses as SeaBIOS and OVMF read them.
 */
#ifndef WEFT_VMM_DEV_RTC_H
#define WEFT_VMM_DEV_RTC_H

#include "device.h"

#include <stdbool.h>

struct dev_env;
struct err;
struct rtc;

/** n_vcpus goes into CMOS 0x5f. */
int rtc_create(const struct dev_env *env, unsigned n_vcpus, struct rtc **ret_rtc, struct err *err);
void rtc_reset(struct rtc *rtc);
/** Main thread. */
void rtc_set_paused(struct rtc *rtc, bool is_paused);
void rtc_destroy(struct rtc *rtc);

extern const struct device_ops rtc_device_ops;

#endif
