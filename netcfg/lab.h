/**
 * lab: the lab that a command is about: its file, its name, its run directory.
 */
#ifndef WEFT_NETCFG_LAB_H
#define WEFT_NETCFG_LAB_H

#include "diag.h"
#include "opts.h"
#include "plan.h"
#include "rundir.h"
#include "topo.h"

#include <limits.h>

struct ctl_client;

struct lab {
	char *text; /* of the file */
	struct diag diag;
	struct topo topo;
	char file[PATH_MAX]; /* absolute; "-" = standard input */
	char run_dir[RUNDIR_PATH_SIZE];
	struct state wanted;
};

/**
 * Read the file that the argument (NULL = none) or -f names. Errors in the file are printed to
 * stderr (with -j as JSON to stdout).
 * returns  0, or -EINVAL: said already (err->code is 0 then), or another -errno with err set
 */
int lab_load(const struct opts *opts, const char *arg, bool check_files, struct lab *ret_lab,
	struct err *err);
void lab_done(struct lab *lab);
/** What is wrong with the file: to stderr, or with -j as JSON to stdout. */
void lab_print_errors(const struct opts *opts, const struct lab *lab);

/**
 * Name of the lab that arg (a lab file or a running lab's name), -f, -L or the only running lab
 * means.
 */
int lab_find(const struct opts *opts, const char *arg, char name[CTL_NAME_MAX + 1],
	struct err *err);
/** The control socket of the switch that a command acts on: -S, or that of the lab of -f, -L or the
 *  only one. returns as lab_load(), or as rundir_switch_socket() */
int lab_switch_socket(const struct opts *opts, char path[CTL_PATH_MAX + 1], struct err *err);
/** Connect to it. returns the same, or as ctl_client_open(), with a hint where none is there */
int lab_switch_open(const struct opts *opts, struct ctl_client **ret_client, struct err *err);

#endif
