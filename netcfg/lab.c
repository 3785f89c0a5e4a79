#include "lab.h"

#include "ctl_client.h"
#include "ctl_vswitch.h"
#include "orphan.h"
#include "str.h"
#include "topo_yaml.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At most the limit and a byte, so that too much is noticed and reported in the file's terms. */
static int read_file(const char *path, char **ret_text, size_t *ret_size, struct err *err)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	size_t max = TOPO_YAML_MAX_BYTES + 1;
	char *text;
	int r = 0;

	if (!in) {
		(void)err_set(err, -EINVAL, "lab file '%s': %s", path, strerror(errno));
		return -EINVAL;
	}
	text = malloc(max + 1);
	if (!text) {
		r = err_set(err, -ENOMEM, "out of memory");
	} else {
		*ret_size = fread(text, 1, max, in);
		text[*ret_size] = '\0';
		if (ferror(in)) {
			r = err_set(err, -EINVAL, "lab file '%s': %s", path, strerror(errno));
			free(text);
		}
	}
	if (!is_stdin)
		fclose(in);
	if (!r)
		*ret_text = text;
	return r;
}

/* Kernel paths go to daemons that may run elsewhere: absolute. */
static void directory_of(const char *file, char *dir, size_t size)
{
	char copy[PATH_MAX], real[PATH_MAX];

	(void)str_copy(copy, sizeof(copy), strcmp(file, "-") ? file : "./-");
	(void)str_copy(dir, size, realpath(dirname(copy), real) ? real : ".");
}

void lab_print_errors(const struct opts *opts, const struct lab *lab)
{
	const struct diag *diag = &lab->diag;
	json_t *json;

	if (!opts->json) {
		diag_print(diag, stderr);
		return;
	}
	json = diag_json(diag);
	if (json)
		json_dumpf(json, stdout, opts->pretty ? JSON_INDENT(4) : JSON_COMPACT);
	printf("\n");
	json_decref(json);
}

int lab_load(const struct opts *opts, const char *arg, bool check_files, struct lab *ret_lab,
	struct err *err)
{
	const char *file = arg ? arg : opts->file;
	char dir[PATH_MAX];
	size_t size = 0;
	int r;

	memset(ret_lab, 0, sizeof(*ret_lab));
	if (!file) {
		(void)err_set(err, -EINVAL, "no lab file");
		err_hint(err, "name it: `-f FILE`");
		return -EINVAL;
	}
	r = read_file(file, &ret_lab->text, &size, err);
	if (r)
		return r;
	ret_lab->diag = (struct diag){.file = file, .text = ret_lab->text, .size = size};
	directory_of(file, dir, sizeof(dir));
	if (!realpath(file, ret_lab->file))
		(void)str_copy(ret_lab->file, sizeof(ret_lab->file), file);
	if (topo_parse(dir, check_files, &ret_lab->diag, &ret_lab->topo)) {
		lab_print_errors(opts, ret_lab);
		lab_done(ret_lab);
		return -EINVAL;
	}
	r = rundir_path(opts, ret_lab->topo.name, ret_lab->run_dir, err);
	if (!r)
		r = state_from_topo(&ret_lab->topo, ret_lab->run_dir, &ret_lab->wanted, err);
	if (r)
		lab_done(ret_lab);
	return r;
}

void lab_done(struct lab *lab)
{
	state_done(&lab->wanted);
	topo_done(&lab->topo);
	free(lab->text);
	lab->text = NULL;
}

/*
 * By its name, or the only one that runs; a lab that has lost its run directory is none that could
 * be used, but says so.
 */
static int find_named(const struct opts *opts, char name[CTL_NAME_MAX + 1], struct err *err)
{
	struct err why = {0};
	int r = rundir_find_lab(opts, name, err);

	if (r != -ENOENT || !orphan_check(opts, opts->lab, &why))
		return r;
	if (err) {
		*err = why;
		err->code = r;
	}
	return r;
}

int lab_find(const struct opts *opts, const char *arg, char name[CTL_NAME_MAX + 1], struct err *err)
{
	struct opts with_name = *opts;
	struct lab lab;
	bool is_file = arg && (strchr(arg, '/') || !access(arg, R_OK));
	int r;

	if (arg && !is_file)
		with_name.lab = arg;
	if (!is_file && (with_name.lab || !opts->file))
		return find_named(&with_name, name, err);
	r = lab_load(opts, arg, false, &lab, err);
	if (r)
		return r;
	(void)str_copy(name, CTL_NAME_MAX + 1, lab.topo.name);
	lab_done(&lab);
	with_name.lab = name;
	return find_named(&with_name, name, err);
}

int lab_switch_socket(const struct opts *opts, char path[CTL_PATH_MAX + 1], struct err *err)
{
	char lab[CTL_NAME_MAX + 1];
	struct opts of_lab = *opts;
	int r = 0;

	/* A file means its own lab, whatever else runs. */
	if (opts->file && !opts->socket && !opts->lab) {
		r = lab_find(opts, NULL, lab, err);
		of_lab.lab = lab;
	}
	return r ? r : rundir_switch_socket(&of_lab, path, err);
}

int lab_switch_open(const struct opts *opts, struct ctl_client **ret_client, struct err *err)
{
	char path[CTL_PATH_MAX + 1];
	int r = lab_switch_socket(opts, path, err);

	if (r < 0)
		return r;
	r = ctl_client_open(path, &ctl_vswitch_interface, opts->timeout_s * 1000, ret_client, err);
	if (r < 0 && err && !err->hint[0])
		err_hint(err,
			opts->socket
				? "is vswitch running? start it: `vswitch --control %s`"
				: "start a lab (`netcfg apply -f FILE`), or name a switch: `-S %s`",
			opts->socket ? opts->socket : "SOCKET");
	return r;
}
