/* The board's own devices: serial port, PM block, RTC, through their ports. */
#include "cmocka_all.h"

#include "bus.h"
#include "console.h"
#include "dev/env.h"
#include "dev/pm.h"
#include "dev/rtc.h"
#include "dev/serial.h"
#include "ev.h"
#include "irq.h"
#include "layout.h"
#include "mem.h"
#include "pci.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COM LAYOUT_PIO_SERIAL
#define PM  LAYOUT_PIO_PM_BASE

#define WAIT_ROUNDS 6000 /* of up to 10 ms: a hang, whatever the machine is busy with */

static struct dev_env env;
static bool lines[LAYOUT_N_LINES];
static struct console *console;
static struct serial *serial;
static struct pm *pm;
static struct rtc *rtc;
static unsigned n_resets, n_power_offs;
static char tty[40];
static int user_fd;

static int set_routes(void *ctx, const struct irq_route *routes, unsigned n_routes)
{
	return 0;
}

static int irqfd(void *ctx, int fd, uint32_t gsi, bool assign)
{
	return 0;
}

static int line(void *ctx, uint32_t gsi, bool level)
{
	lines[gsi] = level;
	return 0;
}

static const struct irq_ops irq_ops = {set_routes, irqfd, line};

static void on_request(void *ctx, enum pm_request request)
{
	n_resets += request == PM_RESET;
	n_power_offs += request == PM_POWER_OFF;
}

static int setup(void **state)
{
	struct console_sink_config sink = {.kind = CONSOLE_PTY};

	(void)snprintf(tty, sizeof(tty), "/tmp/board-test-%d", (int)getpid());
	memcpy(sink.path, tty, sizeof(tty));
	n_resets = n_power_offs = 0;
	assert_int_equal(mem_create(3ull << 30, false, &env.mem, NULL), 0);
	assert_int_equal(bus_create("pio", 0x10000, &env.pio), 0);
	assert_int_equal(bus_create("mmio", UINT64_MAX, &env.mmio), 0);
	assert_int_equal(irq_create(&irq_ops, NULL, &env.irq), 0);
	assert_int_equal(pci_bus_create(env.pio, env.mmio, env.irq, &env.pci), 0);
	assert_int_equal(ev_create(&env.ev), 0);
	assert_int_equal(console_create(env.ev, "serial", &console), 0);
	assert_int_equal(console_add_sink(console, &sink, NULL), 0);
	assert_int_equal(serial_create(&env, COM, LAYOUT_GSI_SERIAL, console, &serial, NULL), 0);
	assert_int_equal(pm_create(&env, on_request, NULL, &pm, NULL), 0);
	assert_int_equal(rtc_create(&env, 4, &rtc, NULL), 0);
	user_fd = open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(user_fd >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)close(user_fd);
	rtc_destroy(rtc);
	pm_destroy(pm);
	serial_destroy(serial);
	console_destroy(console);
	pci_bus_destroy(env.pci);
	irq_destroy(env.irq);
	bus_destroy(env.mmio);
	bus_destroy(env.pio);
	mem_destroy(env.mem);
	ev_destroy(env.ev);
	return 0;
}

static unsigned in(unsigned port)
{
	return (unsigned)bus_read(env.pio, port, 1);
}

static void out(unsigned port, unsigned value)
{
	bus_write(env.pio, port, 1, value);
}

/* What the user types comes through a thread of the kernel, whenever that runs. */
static void type(const char *text)
{
	assert_int_equal(write(user_fd, text, strlen(text)), strlen(text));
}

/* The next byte that came, waited for. */
static unsigned receive(void)
{
	for (unsigned i = 0; i < WAIT_ROUNDS && !(in(COM + 5) & 1); i++)
		assert_true(ev_run_once(env.ev, 10) >= 0);
	assert_int_equal(in(COM + 5) & 1, 1);
	return in(COM);
}

/* Run until the interrupt is identified as this. */
static void wait_identified(unsigned iir)
{
	for (unsigned i = 0; i < WAIT_ROUNDS && in(COM + 2) != iir; i++)
		assert_true(ev_run_once(env.ev, 10) >= 0);
	assert_int_equal(in(COM + 2), iir);
}

/* What the user hears is this and no more. */
static void expect_heard(const char *text)
{
	char heard[16] = "";
	size_t len = 0;

	for (unsigned i = 0; i < WAIT_ROUNDS && len < strlen(text); i++) {
		ssize_t n = read(user_fd, heard + len, sizeof(heard) - 1 - len);

		len += n > 0 ? (size_t)n : 0;
		assert_true(ev_run_once(env.ev, n > 0 ? 0 : 10) >= 0);
	}
	assert_string_equal(heard, text);
}

static void serial_sends_and_interrupts(void **state)
{
	assert_int_equal(in(COM + 5), 0x60); /* empty, ready */
	out(COM + 4, 0x08);
	out(COM + 1, 0x02); /* transmitter interrupt: empty, so at once */
	assert_true(lines[LAYOUT_GSI_SERIAL]);
	assert_int_equal(in(COM + 2), 0x02);
	assert_false(lines[LAYOUT_GSI_SERIAL]); /* reading it acknowledges */
	assert_int_equal(in(COM + 2), 0x01);
	out(COM, 'h');
	assert_true(lines[LAYOUT_GSI_SERIAL]);
	out(COM, 'i');
	expect_heard("hi");
}

static void serial_receives(void **state)
{
	out(COM + 4, 0x08);
	out(COM + 1, 0x01);
	out(COM + 2, 0x81); /* FIFO on, trigger 8 */
	type("abc");
	wait_identified(0xcc); /* fewer than the trigger: time-out */
	assert_true(lines[LAYOUT_GSI_SERIAL]);
	assert_int_equal(receive(), 'a');
	type("defghijk");
	wait_identified(0xc4);
	for (const char *c = "bcdefghijk"; *c; c++)
		assert_int_equal(receive(), *c);
	assert_false(lines[LAYOUT_GSI_SERIAL]);
	assert_int_equal(in(COM + 5) & 1, 0);
	type("x");
	wait_identified(0xcc);
	out(COM + 2, 0x03); /* clear the receiver */
	assert_int_equal(in(COM + 5) & 1, 0);
}

static void serial_takes_a_long_paste(void **state)
{
	char text[3001];
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof(text) - 1] = '\0';
	type(text);
	while (n < sizeof(text) - 1)
		assert_int_equal(receive(), text[n++]);
}

static void serial_loops_back(void **state)
{
	out(COM + 4, 0x1e);                  /* loop, OUT2, OUT1, RTS */
	assert_int_equal(in(COM + 6), 0xd0); /* DCD, RI, CTS */
	out(COM, 'z');
	assert_int_equal(in(COM), 'z');
	out(COM + 3, 0x80);
	out(COM, 0x34);
	out(COM + 1, 0x12);
	assert_int_equal(in(COM), 0x34);
	out(COM + 3, 0x03);
	assert_int_equal(in(COM + 3), 0x03);
	out(COM + 7, 0x5a);
	assert_int_equal(in(COM + 7), 0x5a);
	serial_reset(serial);
	assert_int_equal(in(COM + 7), 0);
	out(COM, 'w');
	expect_heard("w"); /* nothing went out before */
}

static void power_button_raises_the_sci(void **state)
{
	assert_int_equal(bus_read(env.pio, PM + 4, 2), 1); /* SCI_EN */
	pm_press_power_button(pm);
	assert_false(lines[LAYOUT_GSI_SCI]); /* not enabled yet */
	bus_write(env.pio, PM + 2, 2, 0x100);
	assert_true(lines[LAYOUT_GSI_SCI]);
	assert_int_equal(bus_read(env.pio, PM, 2), 0x100);
	bus_write(env.pio, PM, 2, 0x100); /* write one to clear */
	assert_false(lines[LAYOUT_GSI_SCI]);
	assert_int_equal(bus_read(env.pio, PM, 4), 0x01000000);
}

static void only_s5_powers_off(void **state)
{
	bus_write(env.pio, PM + 4, 2, 5 << 10);           /* type without enable */
	bus_write(env.pio, PM + 4, 2, 3 << 10 | 1 << 13); /* another type */
	assert_int_equal(n_power_offs, 0);
	bus_write(env.pio, PM + 4, 2, 5 << 10 | 1 << 13);
	assert_int_equal(n_power_offs, 1);
	assert_int_equal(bus_read(env.pio, PM + 4, 2), 5 << 10 | 1);
}

static void a_guest_leaves_an_exit_status(void **state)
{
	assert_int_equal(pm_exit_status(pm), 0);
	bus_write(env.pio, PM + 12, 1, 0x2a);
	assert_int_equal(pm_exit_status(pm), 0x2a);
	assert_int_equal(bus_read(env.pio, PM + 12, 1), 0x2a);
	bus_write(env.pio, PM + 13, 1, 0xff); /* its neighbour is nothing */
	assert_int_equal(pm_exit_status(pm), 0x2a);
	bus_write(env.pio, PM + 8, 4, 0xffffffff); /* and neither is the timer */
	assert_int_equal(pm_exit_status(pm), 0x2a);
	pm_reset(pm);
	assert_int_equal(pm_exit_status(pm), 0);
}

static void every_reset_works(void **state)
{
	out(0xcf9, 0x02);
	out(0xcf9, 0x06);
	assert_int_equal(n_resets, 1);
	assert_int_equal(in(0xcf9), 0x02);
	out(0x64, 0xfe);
	assert_int_equal(n_resets, 2);
	out(0x92, 0x03);
	assert_int_equal(n_resets, 3);
	out(0x92, 0x02);
	out(0x64, 0xaa);
	out(0xcf9, 0x00);
	assert_int_equal(n_resets, 3);
	bus_write(env.pio, 0xcf8, 4, 0x80000600); /* byte 1 of this is not a reset */
	assert_int_equal(n_resets, 3);
}

static void pm_timer_counts(void **state)
{
	uint32_t first = (uint32_t)bus_read(env.pio, PM + 8, 4), ticks;
	struct timespec pause = {.tv_nsec = 20000000};

	(void)nanosleep(&pause, NULL);
	ticks = (uint32_t)bus_read(env.pio, PM + 8, 4) - first;
	assert_in_range(ticks, 3579545 / 50,
		4 * 3579545); /* at least 20 ms, less than a round of it */
}

static unsigned cmos(unsigned at)
{
	out(0x70, at);
	return in(0x71);
}

static unsigned from_bcd(unsigned value)
{
	return (value >> 4) * 10 + (value & 15);
}

static void rtc_tells_the_time_in_utc(void **state)
{
	time_t now = time(NULL), got;
	struct tm tm = {0};

	tm.tm_sec = (int)from_bcd(cmos(0));
	tm.tm_min = (int)from_bcd(cmos(2));
	tm.tm_hour = (int)from_bcd(cmos(4));
	tm.tm_mday = (int)from_bcd(cmos(7));
	tm.tm_mon = (int)from_bcd(cmos(8)) - 1;
	tm.tm_year = (int)(from_bcd(cmos(0x32)) * 100 + from_bcd(cmos(9))) - 1900;
	got = timegm(&tm);
	assert_true(got >= now && got <= now + 2);
	assert_int_equal(cmos(13), 0x80);
}

static void rtc_keeps_what_the_guest_sets(void **state)
{
	static const struct {
		unsigned at, value;
	} set[] = {{11, 0x82}, {0, 0x30}, {2, 0x15}, {4, 0x12}, {7, 0x01}, {8, 0x02}, {9, 0x30},
		{0x32, 0x20}, {11, 0x02}};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		out(0x70, set[i].at);
		out(0x71, set[i].value);
	}
	assert_int_equal(cmos(9), 0x30);
	assert_int_equal(cmos(4), 0x12);
	assert_int_equal(cmos(2), 0x15);
	rtc_reset(rtc);
	assert_int_equal(cmos(9), 0x30); /* a battery keeps it */
}

/* The line of the DSDT's promise, by a real timer; paused it stays down. */
static void rtc_interrupts_on_line_8(void **state)
{
	uint64_t deadline_ns = ev_now_ns() + 60 * UINT64_C(1000000000);

	out(0x70, 10);
	out(0x71, 0x26);
	out(0x70, 11);
	out(0x71, 0x42);
	for (unsigned n = 0; n < 20; n++) {
		while (!lines[8] && ev_now_ns() < deadline_ns)
			assert_true(ev_run_once(env.ev, 100) >= 0);
		assert_true(lines[8]);
		assert_int_equal(cmos(12) & 0xc0, 0xc0);
		assert_false(lines[8]);
	}
	rtc_set_paused(rtc, true);
	for (unsigned n = 0; n < 20; n++)
		assert_true(ev_run_once(env.ev, 1) >= 0);
	assert_false(lines[8]);
	rtc_set_paused(rtc, false);
	while (!lines[8] && ev_now_ns() < deadline_ns)
		assert_true(ev_run_once(env.ev, 100) >= 0);
	assert_true(lines[8]);
	rtc_reset(rtc);
	assert_false(lines[8]);
	assert_int_equal(cmos(11), 0x02);
}

static void cmos_tells_memory_and_processors(void **state)
{
	assert_int_equal(cmos(0x34) | cmos(0x35) << 8, ((3ull << 30) - (16u << 20)) >> 16);
	assert_int_equal(cmos(0x5b) | cmos(0x5c) << 8, 0);
	assert_int_equal(cmos(0x5f), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(serial_sends_and_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(serial_receives, setup, teardown),
		cmocka_unit_test_setup_teardown(serial_takes_a_long_paste, setup, teardown),
		cmocka_unit_test_setup_teardown(serial_loops_back, setup, teardown),
		cmocka_unit_test_setup_teardown(power_button_raises_the_sci, setup, teardown),
		cmocka_unit_test_setup_teardown(only_s5_powers_off, setup, teardown),
		cmocka_unit_test_setup_teardown(every_reset_works, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guest_leaves_an_exit_status, setup, teardown),
		cmocka_unit_test_setup_teardown(pm_timer_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(rtc_tells_the_time_in_utc, setup, teardown),
		cmocka_unit_test_setup_teardown(rtc_keeps_what_the_guest_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(rtc_interrupts_on_line_8, setup, teardown),
		cmocka_unit_test_setup_teardown(cmos_tells_memory_and_processors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
