/*
 * guest_tool: what a test does inside a Linux guest for which the small guest has no command.
 * Static, so that it runs on whatever is there.
 *
 *   guest_tool msr CPU INDEX                     print a model-specific register
 *   guest_tool rtc                               wait for three update interrupts and an alarm
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int show_msr(const char *cpu, const char *index)
{
	unsigned long long value;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/cpu/%s/msr", cpu);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &value, sizeof(value), strtol(index, NULL, 0)) != sizeof(value))
		return fail(path);
	(void)printf("0x%llx\n", value);
	return 0;
}

/* The next interrupt of the kind; the limit only ends what would hang for ever. */
static int wait_for_interrupt(int fd, unsigned long kind)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	unsigned long data = 0;

	do {
		if (poll(&pfd, 1, 60000) != 1 || read(fd, &data, sizeof(data)) != sizeof(data))
			return -1;
	} while (!(data & kind));
	return 0;
}

static int try_rtc(void)
{
	int fd = open("/dev/rtc0", O_RDONLY);
	struct rtc_wkalrm alarm = {.enabled = 1};
	struct tm tm = {0};
	time_t at;

	if (fd < 0 || ioctl(fd, RTC_UIE_ON, 0) < 0)
		return fail("update interrupts");
	for (int i = 0; i < 3; i++) {
		if (wait_for_interrupt(fd, RTC_UF) < 0)
			return fail("update interrupt");
	}
	if (ioctl(fd, RTC_UIE_OFF, 0) < 0 || ioctl(fd, RTC_RD_TIME, &alarm.time) < 0)
		return fail("time");
	memcpy(&tm, &alarm.time, sizeof(alarm.time)); /* the first members are the same */
	at = timegm(&tm) + 3;
	(void)gmtime_r(&at, &tm);
	memcpy(&alarm.time, &tm, sizeof(alarm.time));
	if (ioctl(fd, RTC_WKALM_SET, &alarm) < 0 || wait_for_interrupt(fd, RTC_AF) < 0)
		return fail("alarm");
	(void)puts("updates and alarm came");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "msr"))
		return show_msr(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "rtc"))
		return try_rtc();
	(void)fputs("usage: guest_tool msr CPU INDEX | rtc\n", stderr);
	return 2;
}
