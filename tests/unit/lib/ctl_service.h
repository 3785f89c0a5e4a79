/**
 * ctl_service: a small control service on a socket in a folder of its own; for tests of lib.
 *
 * Its methods do what a handler can do: answer, fail, list, pull, wait, subscribe. What happened is
 * counted in struct ctl_service, of which there is one.
 */
#ifndef WEFT_TESTS_UNIT_LIB_CTL_SERVICE_H
#define WEFT_TESTS_UNIT_LIB_CTL_SERVICE_H

#include "ctl_server.h"

#define ROW_FIELDS(F, T)                                    \
	F(T, U32, number, REQ, 0, UINT32_MAX, "", "number") \
	F(T, STR, text, OPT, 0, 1000, "", "text")
CTL_STRUCT(row, ROW_FIELDS);

/**
 * Methods (all take and give a row):
 *   Echo    answers what it got           Change  as Echo, of class CHANGE
 *   Fail    fails with -number            Own     fails with the interface's own error
 *   List    number rows, sent by the handler
 *   Pull    number rows, pulled; with text "fail" it fails at the end, with "slow" it has to be
 *           asked four times for each
 *   Wait    stays pending, with on_close  Orphan  stays pending, without on_close
 *   Early   finishes within the handler   Watch   events
 *   Broken  answers what its table does not allow
 */
extern const struct ctl_interface ctl_service_interface;
extern const struct ctl_handler ctl_service_handlers[];
extern const unsigned ctl_service_n_handlers;

struct ctl_service {
	struct ev *ev;
	struct ctl_server *server;
	char folder[64], path[100];
	struct ctl_call *calls[64]; /* pending ones */
	unsigned n_calls;
	unsigned n_handled, n_closed, n_pulled, n_pull_done;
	bool finish_on_close;
};
extern struct ctl_service ctl_service;

/** cmocka fixtures: the service listens; nothing is connected. */
int ctl_service_setup(void **state);
int ctl_service_teardown(void **state);

#endif
