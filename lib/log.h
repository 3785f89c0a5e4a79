/**
 * log: what an operator reads about a running daemon.
 *
 * A file names its module once with LOG_MODULE("fdb"); lines read
 * `TIME LEVEL module: object 'name': event, key=value, what we do about it` on stderr (or the fd
 * set). TIME is that of day in UTC (ISO 8601, milliseconds), where a daemon asks for times.
 * What an outsider can trigger goes through log_warn_ratelimited() and the like: a token bucket per
 * call site, which later says how many lines it held back. Data-path code never logs; it counts.
 *
 * Lines are cut at 1 KiB; control characters become '?', so that nobody can forge a line.
 * Threads: any; one write(2) per line, so lines never mix.
 */
#ifndef WEFT_LIB_LOG_H
#define WEFT_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

#define LOG_MODULE(name) static const char log_module[] __attribute__((unused)) = (name)

/** Lines above this level are dropped. Default LOG_INFO. */
void log_set_level(enum log_level level);
/** Parse "err|warn|notice|info|debug". Returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);
/** fd (borrowed) that lines are written to; default 2. */
void log_set_fd(int fd);

/** Begin each line with its time; off at first. */
void log_set_times(bool on);
/** Does a daemon's log want times? Not in systemd's journal, which has its own
 * ($JOURNAL_STREAM), nor with WEFT_LOG_TIMES=no. */
bool log_wants_times(void);

#define LOG_TIME_SIZE sizeof("YYYY-MM-DDTHH:MM:SS.mmmZ")
/** The time as a log has it; ns since 1970. Returns buf. */
const char *log_format_time(char buf[LOG_TIME_SIZE], uint64_t ns);

void log_write(enum log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(...)    log_write(LOG_ERR, log_module, __VA_ARGS__)
#define log_warn(...)   log_write(LOG_WARN, log_module, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, log_module, __VA_ARGS__)
#define log_info(...)   log_write(LOG_INFO, log_module, __VA_ARGS__)
#define log_debug(...)  log_write(LOG_DEBUG, log_module, __VA_ARGS__)

#define LOG_BURST 10

/** Token bucket of one call site: LOG_BURST lines, then one per second. */
struct log_bucket {
	uint64_t refill_ns;
	uint32_t tokens;
	uint32_t suppressed;
	bool primed;
};

/** True if a line may be written now; ret_suppressed = lines held back since the last one. */
bool log_bucket_take(struct log_bucket *bucket, uint64_t now_ns, uint32_t *ret_suppressed);

void log_write_limited(struct log_bucket *bucket, enum log_level level, const char *module,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define log_warn_ratelimited(...)                                                   \
	do {                                                                        \
		static struct log_bucket log_bucket_;                               \
		log_write_limited(&log_bucket_, LOG_WARN, log_module, __VA_ARGS__); \
	} while (0)
#define log_notice_ratelimited(...)                                                   \
	do {                                                                          \
		static struct log_bucket log_bucket_;                                 \
		log_write_limited(&log_bucket_, LOG_NOTICE, log_module, __VA_ARGS__); \
	} while (0)

#endif
