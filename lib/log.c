#include "log.h"

#include "ev.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_SIZE 1024
#define NSEC_PER_SEC  UINT64_C(1000000000)

static const char *const log_level_names[] = {"err", "warn", "notice", "info", "debug"};
#define LOG_N_LEVELS (sizeof(log_level_names) / sizeof(log_level_names[0]))

static atomic_int log_level = LOG_INFO;
static atomic_int log_fd = STDERR_FILENO;
/* Call sites are shared by threads; what is limited is rare, so one lock serves all of them. */
static pthread_mutex_t log_bucket_lock = PTHREAD_MUTEX_INITIALIZER;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (unsigned i = 0; i < LOG_N_LEVELS; i++) {
		if (!strcmp(text, log_level_names[i])) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_fd(int fd)
{
	atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

static bool log_is_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* What is quoted in a line may come from outside: it shall not forge lines or drive a terminal. */
static void log_mask_controls(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			text[i] = '?';
	}
}

static void log_write_line(enum log_level level, const char *module, uint32_t n_suppressed,
	const char *fmt, va_list args)
{
	char line[LOG_LINE_SIZE];
	char tail[48] = "\n";
	size_t room, len;
	ssize_t n;
	int head, body;

	if (n_suppressed)
		(void)snprintf(tail, sizeof(tail), " (%u more held back)\n", n_suppressed);
	room = sizeof(line) - strlen(tail);
	head = snprintf(line, room, "%s %s: ", log_level_names[level], module);
	len = head < (int)room ? (size_t)head : room - 1;
	body = vsnprintf(line + len, room - len, fmt, args);
	if (body > 0)
		len += (size_t)body < room - len ? (size_t)body : room - len - 1;
	log_mask_controls(line, len);
	memcpy(line + len, tail, strlen(tail));
	len += strlen(tail);
	do
		n = write(atomic_load_explicit(&log_fd, memory_order_relaxed), line, len);
	while (n < 0 && errno == EINTR);
	/* A log that cannot be written has nowhere to say so. */
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
	va_list args;

	if (!log_is_on(level))
		return;
	va_start(args, fmt);
	log_write_line(level, module, 0, fmt, args);
	va_end(args);
}

bool log_bucket_take(struct log_bucket *bucket, uint64_t now_ns, uint32_t *ret_suppressed)
{
	if (!bucket->primed) {
		bucket->primed = true;
		bucket->tokens = LOG_BURST;
		bucket->refill_ns = now_ns;
	}
	if (now_ns > bucket->refill_ns) {
		uint64_t n = (now_ns - bucket->refill_ns) / NSEC_PER_SEC;

		bucket->refill_ns += n * NSEC_PER_SEC;
		bucket->tokens =
			n > LOG_BURST - bucket->tokens ? LOG_BURST : bucket->tokens + (uint32_t)n;
	}
	if (!bucket->tokens) {
		if (bucket->suppressed < UINT32_MAX)
			bucket->suppressed++;
		return false;
	}
	bucket->tokens--;
	*ret_suppressed = bucket->suppressed;
	bucket->suppressed = 0;
	return true;
}

void log_write_limited(struct log_bucket *bucket, enum log_level level, const char *module,
	const char *fmt, ...)
{
	uint32_t n_suppressed = 0;
	va_list args;
	bool ok;

	if (!log_is_on(level))
		return;
	(void)pthread_mutex_lock(&log_bucket_lock);
	ok = log_bucket_take(bucket, ev_now_ns(), &n_suppressed);
	(void)pthread_mutex_unlock(&log_bucket_lock);
	if (!ok)
		return;
	va_start(args, fmt);
	log_write_line(level, module, n_suppressed, fmt, args);
	va_end(args);
}
