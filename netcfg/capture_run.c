#include "capture_run.h"

#include "frame_text.h"
#include "pcapng.h"
#include "tsc_clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
/* Frames between two looks at anything else. */
#define FRAMES_PER_ROUND 1024
/* What the switch fills while the rest is written would be endless. */
#define SYNC_NS NS_PER_S

struct run {
	struct capture_source *source;
	const struct capture_opts *o;
	const char *filter;
	const struct capture_sink *sink;
	struct capture_out out;
	struct tsc_clock clock;
	uint64_t synced_ns; /* when the clock was */
	uint64_t began_ns;
	uint64_t n_written;
	unsigned n_interfaces; /* of this file */
	struct {
		uint64_t n_written;   /* to this file */
		uint64_t lost_before; /* when it began */
	} points[CAPTURE_MAX_POINTS];
	uint8_t block[PCAPNG_MAX_BLOCK];
};

/* That end it. */
#define N_SIGNALS 3
static const int signals[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
	(void)signo;
	stopped = 1;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Texts of the ring are the switch's, which may be anybody: they end where their arrays do. */
static const char *text_of(const char *text, size_t size, char *buf)
{
	memcpy(buf, text, size - 1);
	buf[size - 1] = '\0';
	for (char *c = buf; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return buf;
}

static const char *name_of(const struct run *run, unsigned point, char buf[64])
{
	const struct capture_point *p = &run->source->reader.ring->points[point];

	return text_of(p->name, sizeof(p->name), buf);
}

/* A block for each port that there is, and that the file has none for. */
static int put_interfaces(struct run *run, struct err *err)
{
	unsigned n = capture_reader_n_points(&run->source->reader);
	int r = 0;

	while (!r && run->n_interfaces < n) {
		const struct capture_point *point =
			&run->source->reader.ring->points[run->n_interfaces];
		char name[sizeof(point->name)], description[sizeof(point->description)];
		uint32_t snaplen = run->o->request.snaplen;

		r = capture_out_write(&run->out, run->block,
			pcapng_interface(run->block, name_of(run, run->n_interfaces, name),
				text_of(point->description, sizeof(description), description),
				run->filter, snaplen),
			err);
		run->n_interfaces++;
	}
	return r;
}

static int begin_file(struct run *run, struct err *err)
{
	int r = capture_out_write(&run->out, run->block,
		pcapng_section(run->block, "netcfg " WEFT_VERSION), err);

	run->n_interfaces = 0;
	run->began_ns = run->clock.last_ns;
	for (unsigned i = 0; i < CAPTURE_MAX_POINTS; i++) {
		run->points[i].n_written = 0;
		run->points[i].lost_before = run->source->reader.ring->points[i].lost;
	}
	return r ? r : put_interfaces(run, err);
}

static int end_file(struct run *run, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < run->n_interfaces; i++) {
		uint64_t lost =
			run->source->reader.ring->points[i].lost - run->points[i].lost_before;

		r = capture_out_write(&run->out, run->block,
			pcapng_statistics(run->block, i, run->began_ns, run->clock.last_ns,
				run->points[i].n_written + lost, lost),
			err);
	}
	return r ? r : capture_out_flush(&run->out, err);
}

/* The next file, if it is time. 0; 1: there is none any more. */
static int turn_over(struct run *run, struct err *err)
{
	time_t now = (time_t)(run->clock.last_ns / NS_PER_S);
	int r;

	if (!capture_out_is_full(&run->out, now))
		return 0;
	r = end_file(run, err);
	if (!r)
		r = capture_out_next(&run->out, now, err);
	return r ? r : begin_file(run, err);
}

static int write_frame(struct run *run, const struct capture_record *record, const uint8_t *bytes,
	uint64_t time_ns, const char *reason, struct err *err)
{
	char comment[64];
	const struct pcapng_frame frame = {.interface = record->point,
		.time_ns = time_ns,
		.bytes = bytes,
		.n_bytes = record->n_bytes,
		.len = record->len,
		.flags = record->flags & CAPTURE_OUT ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
		.comment = reason ? comment : NULL};
	int r = turn_over(run, err);

	if (!r)
		r = put_interfaces(run, err);
	if (r)
		return r;
	if (record->point >= run->n_interfaces)
		return err_set(err, -EPROTO, "capture: a frame of no port");
	run->points[record->point].n_written++;
	(void)snprintf(comment, sizeof(comment), "dropped: %s", reason ? reason : "");
	return capture_out_write(&run->out, run->block, pcapng_frame(run->block, &frame), err);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

const char *capture_run_time(uint64_t time_ns, char buf[CAPTURE_TIME_SIZE])
{
	time_t s = (time_t)(time_ns / NS_PER_S);
	struct tm tm;
	size_t n;

	(void)localtime_r(&s, &tm);
	n = strftime(buf, CAPTURE_TIME_SIZE, "%H:%M:%S", &tm);
	(void)snprintf(buf + n, CAPTURE_TIME_SIZE - n, ".%06u",
		(unsigned)(time_ns % NS_PER_S / 1000));
	return buf;
}

static int print_frame(struct run *run, const struct capture_record *record, const uint8_t *bytes,
	uint64_t time_ns, const char *reason, struct err *err)
{
	char text[FRAME_TEXT_SIZE], when[CAPTURE_TIME_SIZE], name[64];

	if (printf("%s %s %-3s%s%s%s%s\n", capture_run_time(time_ns, when),
		    name_of(run, record->point, name), record->flags & CAPTURE_OUT ? "Out" : "In",
		    frame_text(bytes, record->n_bytes, record->len, run->o->with_macs, text),
		    reason ? " [dropped: " : "", reason ? reason : "", reason ? "]" : "") < 0)
		return err_set(err, -errno, "standard output: %s", strerror(errno));
	return 0;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static void sync_clock(struct run *run)
{
	uint64_t tsc, wall_ns;

	tsc_clock_read(&tsc, &wall_ns);
	if (wall_ns - run->synced_ns < SYNC_NS)
		return;
	run->synced_ns = wall_ns;
	tsc_clock_sync(&run->clock, tsc, wall_ns);
}

/* Signals come while it waits, and otherwise are waited for: here they are taken, too. */
static bool is_interrupted(void)
{
	const struct timespec now = {0};
	sigset_t set;

	(void)sigemptyset(&set);
	for (unsigned i = 0; i < N_SIGNALS; i++)
		(void)sigaddset(&set, signals[i]);
	if (sigtimedwait(&set, NULL, &now) > 0)
		stopped = 1;
	return stopped;
}

/* The frame is put out. 1: it was the last. */
static int put_frame(struct run *run, const struct capture_record *record, const uint8_t *bytes,
	struct err *err)
{
	uint64_t time_ns = tsc_clock_ns(&run->clock, record->tsc);
	char reason[sizeof(run->source->reader.ring->reasons[0])];
	bool is_dropped = record->flags & CAPTURE_DROPPED && record->reason < CAPTURE_MAX_REASONS;
	int r;

	if (run->sink && is_interrupted())
		return 1;
	if (is_dropped)
		(void)text_of(run->source->reader.ring->reasons[record->reason], sizeof(reason),
			reason);
	r = run->sink ? run->sink->frame(run->sink->ctx, record, bytes, time_ns, err)
	    : run->o->write
		    ? write_frame(run, record, bytes, time_ns, is_dropped ? reason : NULL, err)
		    : print_frame(run, record, bytes, time_ns, is_dropped ? reason : NULL, err);
	if (r)
		return r;
	run->n_written++;
	return run->o->max_frames && run->n_written >= run->o->max_frames;
}

/* Frames of the ring, some; ret_n: how many. 1: that is all. */
static int drain(struct run *run, unsigned *ret_n, struct err *err)
{
	struct capture_reader *reader = &run->source->reader;
	struct capture_record record;
	const uint8_t *bytes;
	int r = 0;

	for (*ret_n = 0; !r && *ret_n < FRAMES_PER_ROUND; (*ret_n)++) {
		int found = capture_reader_next(reader, &record, &bytes);

		if (found < 0)
			return err_set(err, found, "capture: the switch wrote nonsense");
		if (!found)
			break;
		r = put_frame(run, &record, bytes, err);
	}
	capture_reader_done(reader);
	return r;
}

static int flush(struct run *run, struct err *err)
{
	if (run->o->write)
		return capture_out_flush(&run->out, err);
	if (fflush(stdout) != 0)
		return err_set(err, -errno, "standard output: %s", strerror(errno));
	return 0;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* How long until the file has to be turned over; -1 = for ever. */
static int timeout_ms(const struct run *run)
{
	time_t at = run->o->write ? capture_out_full_at(&run->out) : 0, now = time(NULL);

	if (!at)
		return -1;
	return at <= now ? 0 : at - now > 3600 ? 3600000 : (int)(at - now) * 1000;
}

/* Until there may be frames, or no longer than that. False: the switch has ended it. */
static bool wait_for_frames(const struct run *run, int ms, const sigset_t *open)
{
	struct pollfd fds[] = {{.fd = run->source->switch_fd, .events = POLLIN | POLLRDHUP},
		{.fd = run->source->event_fd, .events = POLLIN}};
	const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	uint64_t unused;

	if (ppoll(fds, 2, ms < 0 ? NULL : &limit, open) < 0)
		return true;
	if (fds[1].revents)
		(void)!read(run->source->event_fd, &unused, sizeof(unused));
	return !fds[0].revents;
}

static int wait_and_turn(struct run *run, bool is_busy, const sigset_t *open, bool *ret_goes_on,
	struct err *err)
{
	if (is_busy) {
		*ret_goes_on = wait_for_frames(run, 1, open);
		return 0;
	}
	if (!capture_reader_sleep(&run->source->reader))
		return 0;
	*ret_goes_on = wait_for_frames(run, timeout_ms(run), open);
	if (!run->o->write || timeout_ms(run))
		return 0;
	/* No frame comes that would tell the time. */
	(void)tsc_clock_ns(&run->clock, __builtin_ia32_rdtsc());
	return turn_over(run, err);
}

/* 0, 1 or -errno: it is over. */
static int loop(struct run *run, const sigset_t *open, struct err *err)
{
	bool goes_on = true;
	unsigned n;

	for (;;) {
		/* Whatever is there when it ends is put out; what comes later is not. */
		bool is_last = stopped || !goes_on;
		uint64_t end = run->source->reader.ring->published;
		int r;

		sync_clock(run);
		do {
			r = drain(run, &n, err);
			if (r)
				return r;
		} while (is_last && n && (int64_t)(end - run->source->reader.head) > 0);
		if (is_last && !goes_on && !stopped)
			return err_set(err, -ECONNRESET, "capture: the switch has ended it");
		if (is_last)
			return 0;
		if (n == FRAMES_PER_ROUND)
			continue;
		r = flush(run, err);
		if (!r)
			r = wait_and_turn(run, n > 0, open, &goes_on, err);
		if (r)
			return r;
	}
}

/* ---------------------------------------------------------------------------------------------- */

static void add_up(const struct run *run, struct capture_totals *ret)
{
	unsigned n = capture_reader_n_points(&run->source->reader);

	*ret = (struct capture_totals){.written = run->n_written};
	for (unsigned i = 0; i < n; i++) {
		ret->received += run->source->reader.ring->points[i].received;
		ret->lost += run->source->reader.ring->points[i].lost;
	}
}

static int run_to_end(struct run *run, const sigset_t *open, struct err *err)
{
	struct err ending = {0};
	int r = 0, end;

	if (run->o->write)
		r = begin_file(run, err);
	if (!r)
		r = flush(run, err);
	if (!r)
		r = loop(run, open, err);
	if (r < 0 && r != -ECONNRESET && r != -EPROTO)
		return r;
	end = run->o->write ? end_file(run, &ending) : flush(run, &ending);
	if (r >= 0 && end < 0) {
		*err = ending;
		r = end;
	}
	return r < 0 ? r : 0;
}

int capture_run(struct capture_source *source, const struct capture_opts *o, const char *filter,
	const struct capture_sink *sink, struct capture_totals *ret, struct err *err)
{
	struct sigaction action = {.sa_handler = on_signal}, former[N_SIGNALS];
	struct run *run = calloc(1, sizeof(*run));
	uint64_t tsc, wall_ns;
	sigset_t block, open;
	int r;

	*ret = (struct capture_totals){0};
	if (!run)
		return err_set(err, -ENOMEM, "capture: out of memory");
	run->source = source;
	run->o = o;
	run->filter = filter;
	run->sink = sink;
	tsc_clock_read(&tsc, &wall_ns);
	tsc_clock_init(&run->clock, source->tsc_hz, tsc, wall_ns);
	run->synced_ns = wall_ns;
	(void)tsc_clock_ns(&run->clock, tsc);
	/* Signals come while it waits, and at no other time. */
	stopped = 0;
	(void)sigemptyset(&block);
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		(void)sigaddset(&block, signals[i]);
		(void)sigaction(signals[i], &action, &former[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &block, &open);
	r = o->write ? capture_out_open(&run->out, &o->out, err) : 0;
	if (!r)
		r = run_to_end(run, &open, err);
	add_up(run, ret);
	if (o->write)
		capture_out_close(&run->out);
	for (unsigned i = 0; i < N_SIGNALS; i++)
		(void)sigaction(signals[i], &former[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &open, NULL);
	free(run);
	return r;
}
