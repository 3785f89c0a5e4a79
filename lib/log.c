#include "log.h"

#include "ev.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_SIZE 1024
#define NSEC_PER_SEC  UINT64_C(1000000000)

static const char *const log_level_names[] = {"err", "warn", "notice", "info", "debug"};
#define LOG_N_LEVELS (sizeof(log_level_names) / sizeof(log_level_names[0]))

static atomic_int log_level = LOG_INFO;
static atomic_int log_fd = STDERR_FILENO;
static atomic_bool log_times;
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

void log_set_times(bool on)
{
	atomic_store_explicit(&log_times, on, memory_order_relaxed);
}

bool log_wants_times(void)
{
	const char *journal = getenv("JOURNAL_STREAM"), *wish = getenv("WEFT_LOG_TIMES");
	unsigned long long dev, ino;
	struct stat st;

	if (wish && !strcmp(wish, "no"))
		return false;
	return !journal || sscanf(journal, "%llu:%llu", &dev, &ino) != 2 ||
	       fstat(STDERR_FILENO, &st) < 0 || st.st_dev != dev || st.st_ino != ino;
}

static bool is_leap_year(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of_month(unsigned month, unsigned year)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month] + (month == 1 && is_leap_year(year));
}

/* gmtime_r() reads a file of time zones at its first call, which a confined thread may not. */
const char *log_format_time(char buf[LOG_TIME_SIZE], uint64_t ns)
{
	uint64_t seconds = ns / NSEC_PER_SEC;
	unsigned days = (unsigned)(seconds / 86400), rest = (unsigned)(seconds % 86400);
	unsigned year = 1970, month = 0, of_year;

	for (; days >= (of_year = is_leap_year(year) ? 366 : 365); year++)
		days -= of_year;
	for (; days >= days_of_month(month, year); month++)
		days -= days_of_month(month, year);
	(void)snprintf(buf, LOG_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000,
		month + 1, days + 1, rest / 3600, rest / 60 % 60, rest % 60,
		(unsigned)(ns % NSEC_PER_SEC / 1000000));
	return buf;
}

static uint64_t time_of_day_ns(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
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
	char tail[48] = "\n", when[LOG_TIME_SIZE] = "";
	bool has_time = atomic_load_explicit(&log_times, memory_order_relaxed);
	size_t room, len;
	ssize_t n;
	int head, body;

	if (n_suppressed)
		(void)snprintf(tail, sizeof(tail), " (%u more held back)\n", n_suppressed);
	room = sizeof(line) - strlen(tail);
	if (has_time)
		(void)log_format_time(when, time_of_day_ns());
	head = snprintf(line, room, "%s%s%s %s: ", when, has_time ? " " : "",
		log_level_names[level], module);
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
