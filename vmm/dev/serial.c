#include "serial.h"

#include "bus.h"
#include "console.h"
#include "env.h"
#include "err.h"
#include "irq.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Registers by offset; DLAB in LCR puts the divisor into the first two. */
enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR, N_REGS };

#define IER_RX       0x01
#define IER_THRE     0x02
#define IER_MASK     0x0f
#define IIR_NONE     0x01
#define IIR_THRE     0x02
#define IIR_RX       0x04
#define IIR_TIMEOUT  0x0c
#define IIR_FIFO_ON  0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_TRIGGER  0xc0
#define LCR_DLAB     0x80
#define MCR_DTR      0x01
#define MCR_RTS      0x02
#define MCR_OUT1     0x04
#define MCR_OUT2     0x08 /* lets the interrupt out on a PC */
#define MCR_LOOP     0x10
#define LSR_DR       0x01
#define LSR_THRE     0x20
#define LSR_TEMT     0x40
#define MSR_CTS      0x10
#define MSR_DSR      0x20
#define MSR_RI       0x40
#define MSR_DCD      0x80

#define SERIAL_QUEUE 1024 /* power of two */

struct serial {
	struct irq *irq;
	uint32_t gsi;
	struct console *console;
	pthread_mutex_t lock; /* guards all below */
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t divisor[2];
	bool thre_pending; /* transmitter empty, not yet told */
	bool line;         /* interrupt line as it was set last */
	bool full;         /* input was refused since there was no room */
	uint8_t queue[SERIAL_QUEUE];
	unsigned head, tail; /* free-running; tail is read first */
};

static unsigned n_received(const struct serial *s)
{
	return s->head - s->tail;
}

static uint8_t pending_interrupt(const struct serial *s)
{
	static const uint8_t triggers[] = {1, 4, 8, 14};
	unsigned trigger = s->fcr & FCR_ENABLE ? triggers[s->fcr >> 6] : 1;

	if (s->ier & IER_RX && n_received(s))
		return n_received(s) >= trigger ? IIR_RX : IIR_TIMEOUT;
	if (s->ier & IER_THRE && s->thre_pending)
		return IIR_THRE;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	bool level = pending_interrupt(s) != IIR_NONE && (s->mcr & MCR_OUT2 || s->mcr & MCR_LOOP);

	if (level == s->line)
		return;
	s->line = level;
	irq_line_set(s->irq, s->gsi, level);
}

static bool queue_byte(struct serial *s, uint8_t byte)
{
	if (n_received(s) == SERIAL_QUEUE)
		return false;
	s->queue[s->head++ % SERIAL_QUEUE] = byte;
	return true;
}

static uint8_t read_data(struct serial *s)
{
	uint8_t byte = 0;

	if (n_received(s))
		byte = s->queue[s->tail++ % SERIAL_QUEUE];
	return byte;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t pending = pending_interrupt(s);

	if (pending == IIR_THRE)
		s->thre_pending = false; /* reading it acknowledges */
	return (uint8_t)(pending | (s->fcr & FCR_ENABLE ? IIR_FIFO_ON : 0));
}

static uint8_t modem_status(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
			 (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t read_locked(struct serial *s, unsigned reg)
{
	if (s->lcr & LCR_DLAB && reg <= REG_IER)
		return s->divisor[reg];
	switch (reg) {
	case REG_DATA:
		return read_data(s);
	case REG_IER:
		return s->ier;
	case REG_IIR_FCR:
		return read_iir(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return LSR_THRE | LSR_TEMT | (n_received(s) ? LSR_DR : 0);
	case REG_MSR:
		return modem_status(s);
	default:
		return s->scr;
	}
}

static void write_locked(struct serial *s, unsigned reg, uint8_t value)
{
	if (s->lcr & LCR_DLAB && reg <= REG_IER) {
		s->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_DATA:
		s->thre_pending = true; /* sent already */
		if (s->mcr & MCR_LOOP)
			(void)queue_byte(s, value); /* an overrun loses the byte, as in hardware */
		break;
	case REG_IER:
		if (value & ~s->ier & IER_THRE)
			s->thre_pending = true; /* enabling it reports an empty transmitter */
		s->ier = value & IER_MASK;
		break;
	case REG_IIR_FCR:
		s->fcr = value & (FCR_ENABLE | FCR_TRIGGER);
		if (value & FCR_CLEAR_RX)
			s->tail = s->head;
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		s->mcr = value & 0x1f;
		break;
	case REG_SCR:
		s->scr = value;
		break;
	default:
		break; /* LSR and MSR are read-only */
	}
}

/* Wider accesses than a byte see the register at their offset only. */
static uint64_t read_port(void *ctx, uint64_t offset, unsigned size)
{
	struct serial *s = ctx;
	bool room = false;
	uint8_t value;

	(void)pthread_mutex_lock(&s->lock);
	value = read_locked(s, (unsigned)offset);
	update_line(s);
	if (s->full && n_received(s) <= SERIAL_QUEUE / 2) {
		s->full = false;
		room = true;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (room)
		console_input_ready(s->console);
	return value;
}

static void write_port(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial *s = ctx;
	uint8_t byte = (uint8_t)value;
	bool sends;

	(void)pthread_mutex_lock(&s->lock);
	sends = offset == REG_DATA && !(s->lcr & LCR_DLAB) && !(s->mcr & MCR_LOOP);
	write_locked(s, (unsigned)offset, byte);
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
	if (sends)
		console_write(s->console, &byte, 1);
}

static size_t receive_input(void *ctx, const uint8_t *data, size_t len)
{
	struct serial *s = ctx;
	size_t n = 0;

	(void)pthread_mutex_lock(&s->lock);
	/* Behind a loop-back nobody hears what comes in. */
	while (n < len && ((s->mcr & MCR_LOOP) || queue_byte(s, data[n])))
		n++;
	s->full = n < len;
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

static const struct bus_ops serial_ops = {.read = read_port, .write = write_port};

int serial_create(const struct dev_env *env, uint16_t port, uint32_t gsi, struct console *console,
	struct serial **ret_serial, struct err *err)
{
	struct serial *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "serial port: out of memory");
	s->irq = env->irq;
	s->gsi = gsi;
	s->console = console;
	(void)pthread_mutex_init(&s->lock, NULL);
	r = bus_register(env->pio, "serial", port, N_REGS, &serial_ops, s, NULL);
	if (r < 0) {
		free(s);
		return err_set(err, r, "serial port: cannot register port 0x%x: %s", port,
			strerror(-r));
	}
	serial_reset(s);
	console_set_input(console, receive_input, s);
	*ret_serial = s;
	return 0;
}

void serial_reset(struct serial *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->ier = s->fcr = s->lcr = s->mcr = s->scr = 0;
	s->divisor[0] = 12; /* 9600 baud */
	s->divisor[1] = 0;
	s->thre_pending = false;
	s->tail = s->head;
	s->full = false;
	update_line(s);
	(void)pthread_mutex_unlock(&s->lock);
	console_input_ready(s->console);
}

void serial_destroy(struct serial *s)
{
	if (!s)
		return;
	console_set_input(s->console, NULL, NULL);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- In a machine ---- */

static void reset_device(void *device)
{
	serial_reset(device);
}

static void destroy_device(void *device)
{
	serial_destroy(device);
}

const struct device_ops serial_device_ops = {
	.reset = reset_device,
	.destroy = destroy_device,
};
