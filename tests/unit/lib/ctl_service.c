#include "ctl_service.h"

#include "ctl_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

CTL_SCHEMA(row, ROW_FIELDS);

static const char *const colours[] = {"red", NULL};
#define PAINT_FIELDS(F, T) F(T, ENUM, colour, OPT, 0, 0, colours, "colour")
CTL_STRUCT(paint, PAINT_FIELDS);
CTL_SCHEMA(paint, PAINT_FIELDS);

struct ctl_service ctl_service;

static const struct ctl_method methods[] = {
	{"Echo", CTL_READ, CTL_STABLE, CTL_ONE, &row_schema, &row_schema, "echo"},
	{"Change", CTL_CHANGE, CTL_STABLE, CTL_ONE, &row_schema, &row_schema, "change"},
	{"Fail", CTL_READ, CTL_STABLE, CTL_ONE, &row_schema, &row_schema, "fail"},
	{"Own", CTL_READ, CTL_STABLE, CTL_ONE, &row_schema, &row_schema, "fail in its own way"},
	{"List", CTL_READ, CTL_STABLE, CTL_ROWS, &row_schema, &row_schema, "list"},
	{"Pull", CTL_READ, CTL_DRAFT, CTL_ROWS, &row_schema, &row_schema, "pull"},
	{"Wait", CTL_READ, CTL_STABLE, CTL_ONE, &row_schema, &row_schema, "wait"},
	{"Orphan", CTL_READ, CTL_STABLE, CTL_ONE, &row_schema, &row_schema,
		"wait without on_close"},
	{"Early", CTL_READ, CTL_STABLE, CTL_ONE, &row_schema, &row_schema, "finish in the handler"},
	{"Watch", CTL_READ, CTL_STABLE, CTL_EVENTS, &ctl_empty_schema, &row_schema, "watch"},
	{"Broken", CTL_READ, CTL_STABLE, CTL_ONE, &ctl_empty_schema, &paint_schema, "broken"},
};

static const struct ctl_error errors[] = {{"OwnError", -EXDEV, "own"}};

const struct ctl_interface ctl_service_interface = {"net.weft.test", "A service for tests.",
	methods, sizeof(methods) / sizeof(methods[0]), errors, 1};

static int echo(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	assert_ptr_equal(ctx, &ctl_service);
	ctl_service.n_handled++;
	memcpy(out, in, sizeof(struct row));
	return 0;
}

static int fail_with(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	const struct row *row = in;

	(void)err_set_field(err, -(int)row->number, "number", "row %u: no", row->number);
	err_hint(err, "another");
	return -(int)row->number;
}

static int own(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	(void)err_set(err, -EXDEV, "own");
	err_name(err, "OwnError");
	return -EXDEV;
}

static int list(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	const struct row *wanted = in;
	struct row row = {0};
	int code = 0;

	ctl_service.n_handled++;
	CTL_SET_STR(&row, row, text, wanted->text);
	for (uint32_t i = 0; i < wanted->number && !code; i++) {
		CTL_SET(&row, row, number, i);
		code = ctl_call_send(call, &row);
	}
	return code;
}

struct puller {
	struct row wanted;
	uint32_t next;
	unsigned n_pauses; /* since the last row */
};

static int pull_next(void *state, void *row_, struct err *err)
{
	struct puller *puller = state;
	struct row *row = row_;

	assert_false(row->set);
	if (strcmp(puller->wanted.text, "slow") == 0 && puller->n_pauses++ < 3)
		return CTL_NO_ROW_YET;
	puller->n_pauses = 0;
	if (puller->next == puller->wanted.number)
		return strcmp(puller->wanted.text, "fail") ? 0 : err_set(err, -ENOENT, "row: gone");
	CTL_SET(row, row, number, puller->next++);
	CTL_SET_STR(row, row, text, puller->wanted.text);
	ctl_service.n_pulled++;
	return 1;
}

static void pull_done(void *state)
{
	ctl_service.n_pull_done++;
	free(state);
}

static int pull(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	struct puller *puller = calloc(1, sizeof(*puller));

	assert_non_null(puller);
	puller->wanted = *(const struct row *)in;
	return ctl_call_rows(call, pull_next, pull_done, puller);
}

static void forget(void *ctx, struct ctl_call *call)
{
	ctl_service.n_closed++;
	assert_int_equal(ctl_call_send(call, &(struct row){0}), -EPIPE);
	if (ctl_service.finish_on_close)
		ctl_call_finish(call, 0, NULL, NULL);
	for (unsigned i = 0; i < ctl_service.n_calls; i++) {
		if (ctl_service.calls[i] == call)
			ctl_service.calls[i] = ctl_service.calls[--ctl_service.n_calls];
	}
}

static int orphan(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	assert_true(ctl_service.n_calls < 64);
	ctl_service.calls[ctl_service.n_calls++] = call;
	return CTL_PENDING;
}

static int wait_for(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	ctl_call_on_close(call, forget, ctx);
	return orphan(call, ctx, in, out, err);
}

static int early(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	ctl_call_finish(call, 0, in, NULL);
	return CTL_PENDING;
}

static int broken(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	struct paint *paint = out;

	CTL_SET(paint, paint, colour, 7);
	return 0;
}

const struct ctl_handler ctl_service_handlers[] = {
	{"Echo", echo},
	{"Change", echo},
	{"Fail", fail_with},
	{"Own", own},
	{"List", list},
	{"Pull", pull},
	{"Wait", wait_for},
	{"Orphan", orphan},
	{"Early", early},
	{"Watch", wait_for},
	{"Broken", broken},
};
const unsigned ctl_service_n_handlers =
	sizeof(ctl_service_handlers) / sizeof(ctl_service_handlers[0]);

int ctl_service_setup(void **state)
{
	struct err err = {0};

	memset(&ctl_service, 0, sizeof(ctl_service));
	(void)snprintf(ctl_service.folder, sizeof(ctl_service.folder), "/tmp/weft-ctl-XXXXXX");
	assert_non_null(mkdtemp(ctl_service.folder));
	(void)snprintf(ctl_service.path, sizeof(ctl_service.path), "%s/s.sock", ctl_service.folder);
	assert_int_equal(ev_create(&ctl_service.ev), 0);
	if (ctl_server_create(ctl_service.ev, ctl_service.path, &ctl_service_interface,
		    ctl_service_handlers, ctl_service_n_handlers, &ctl_service, &ctl_service.server,
		    &err))
		fail_msg("%s", err.msg);
	return 0;
}

int ctl_service_teardown(void **state)
{
	ctl_server_destroy(ctl_service.server);
	ev_destroy(ctl_service.ev);
	(void)unlink(ctl_service.path);
	assert_int_equal(rmdir(ctl_service.folder), 0);
	return 0;
}
