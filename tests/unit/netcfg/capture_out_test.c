#include "capture_out.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/weft-capture-out.XXXXXX";

static int enter(void **state)
{
	return !mkdtemp(dir) || chdir(dir) < 0;
}

static int leave(void **state)
{
	return chdir("/") < 0 || rmdir(dir) < 0;
}

/* Bytes of a file, which is removed then; -1: there is none. */
static long take(const char *name)
{
	struct stat st;

	if (stat(name, &st) < 0)
		return -1;
	assert_int_equal(unlink(name), 0);
	return (long)st.st_size;
}

/* n frames of 100 bytes, with the file turned over as it wants; returns what ended it. */
static int write_frames(struct capture_out *out, unsigned n, time_t step)
{
	static const char frame[100];
	time_t now = out->began;
	struct err err = {0};
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++, now += step) {
		if (capture_out_is_full(out, now))
			r = capture_out_next(out, now, &err);
		if (!r)
			r = capture_out_write(out, frame, sizeof(frame), &err);
	}
	if (!r)
		r = capture_out_flush(out, &err);
	capture_out_close(out);
	return r;
}

static void begin(struct capture_out *out, struct capture_out_params params)
{
	struct err err = {0};

	assert_int_equal(capture_out_open(out, &params, &err), 0);
}

static void one_file(void **state)
{
	struct capture_out out;

	begin(&out, (struct capture_out_params){.path = "f"});
	assert_int_equal(write_frames(&out, 5000, 0), 0);
	assert_int_equal(take("f"), 500000);
}

static void files_by_size(void **state)
{
	struct capture_out out;

	begin(&out, (struct capture_out_params){.path = "f", .max_bytes = 250});
	assert_int_equal(write_frames(&out, 7, 0), 0);
	assert_int_equal(take("f"), 300);
	assert_int_equal(take("f1"), 300);
	assert_int_equal(take("f2"), 100);
	/* A ring of them. */
	begin(&out, (struct capture_out_params){.path = "f", .max_bytes = 100, .max_files = 12});
	assert_int_equal(write_frames(&out, 14, 0), 0);
	for (unsigned i = 0; i < 12; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "f%02u", i);
		assert_int_equal(take(name), 100);
	}
}

static void files_by_time(void **state)
{
	struct capture_out out;

	begin(&out, (struct capture_out_params){.path = "f%s", .period_s = 10, .max_files = 3});
	time_t began = out.began;
	assert_int_equal(write_frames(&out, 40, 1), 1);
	for (unsigned i = 0; i < 3; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "f%lld", (long long)began + 10 * i);
		assert_int_equal(take(name), 1000);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct capture_out_params bad[] = {{.path = "f", .period_s = 5},
		{.path = "-", .max_bytes = 5}, {.path = "-", .period_s = 5}};
	struct capture_out out;
	struct err err = {0};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(capture_out_open(&out, &bad[i], &err), -EINVAL);
	assert_int_equal(capture_out_open(&out, &(struct capture_out_params){.path = "nosuch/f"},
				 &err),
		-ENOENT);
	begin(&out, (struct capture_out_params){.path = "/dev/full"});
	assert_int_equal(write_frames(&out, 1, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_file),
		cmocka_unit_test(files_by_size),
		cmocka_unit_test(files_by_time),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests_name("capture out", tests, enter, leave);
}
