/**
 * rtc: the battery-backed clock and its 128 bytes of CMOS, ports 0x70 and 0x71.
 *
 * The clock follows the host's, in UTC; what a guest sets it to is kept as a difference. Memory
 * sizes are where firmware looks for them. Alarm and periodic interrupts are not modelled: they
 * never come.
 * Threads: vCPU threads; one lock inside.
 * Source: Motorola MC146818A data sheet; CMOS addresses as SeaBIOS and OVMF read them.
 */
#ifndef VMM_DEV_RTC_H
#define VMM_DEV_RTC_H

struct dev_env;
struct err;
struct rtc;

/** n_vcpus goes into CMOS 0x5f. */
int rtc_create(const struct dev_env *env, unsigned n_vcpus, struct rtc **ret_rtc, struct err *err);
void rtc_reset(struct rtc *rtc);
void rtc_destroy(struct rtc *rtc);

#endif
