/* Completion: the shell's function, and the words that it asks for. */
#include "cmd.h"
#include "complete.h"
#include "ctl_client.h"
#include "ctl_field.h"
#include "ctl_vswitch.h"
#include "lab.h"
#include "nic.h"
#include "rundir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Somebody waits at a prompt. */
#define ANSWER_MS 1000
/* Stands for the files that there are, which a shell knows better. */
#define FILES "//files"

/*
 * The words are those of the line: bash has cut them at = and : as well. What stands before the
 * last of these is on the line already and is not replaced.
 */
static const char bash_script[] =
	"# bash completion, made by `netcfg completion bash`\n"
	"_netcfg() {\n"
	"\tlocal line=${COMP_LINE-\"${COMP_WORDS[*]}\"} word cur piece=${COMP_WORDS[COMP_CWORD]-}\n"
	"\tlocal words files\n"
	"\tline=${line:0:${COMP_POINT-${#line}}}\n"
	"\tread -ra words <<<\"$line\"\n"
	"\t[[ $line != *' ' ]] || words+=('')\n"
	"\tcur=${words[${#words[@]} - 1]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile read -r word; do\n"
	"\t\tif [[ $word == " FILES " ]]; then\n"
	"\t\t\tmapfile -t files < <(compgen -f -- \"${cur##*=}\")\n"
	"\t\t\tCOMPREPLY+=(\"${files[@]}\")\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\telif [[ $word == \"$cur\"* ]]; then\n"
	"\t\t\tCOMPREPLY+=(\"$word\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${1:-netcfg}\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
	"\t[[ $piece != [=:]* ]] || piece=${piece#?}\n"
	"\tword=${cur%\"$piece\"}\n"
	"\tCOMPREPLY=(\"${COMPREPLY[@]#\"$word\"}\")\n"
	"}\n"
	"complete -F _netcfg netcfg\n";

static void print_word(void *ctx, const char *word)
{
	printf("%s\n", word);
}

static int print_name(void *ctx, const char *name)
{
	printf("%s\n", name);
	return 0;
}

static int print_row(void *ctx, const void *row)
{
	const struct ctl_field *name = ctx;

	return print_name(NULL, (const char *)row + name->offset);
}

/* The names of the rows that method answers. */
static void print_rows(struct ctl_client *client, const char *method)
{
	const struct ctl_struct *rows = ctl_method_find(&ctl_vswitch_interface, method)->out;
	const struct ctl_field *name = ctl_field_find(rows, "name");
	const struct ctl_ref all = {0};

	(void)ctl_client_rows(client, method, &all, print_row, (void *)(uintptr_t)name, NULL);
}

static int print_nic(void *ctx, const struct nic *nic)
{
	return print_name(ctx, nic->name[0] ? nic->name : nic->pci.address);
}

/* What cannot be asked has no names. */
static void print_of_switch(const struct opts *opts, unsigned live)
{
	char path[CTL_PATH_MAX + 1];
	struct ctl_client *client;

	if (lab_switch_socket(opts, path, NULL) < 0 ||
		ctl_client_open(path, &ctl_vswitch_interface, ANSWER_MS, &client, NULL) < 0)
		return;
	if (live & COMPLETE_BRIDGES)
		print_rows(client, "BridgeShow");
	if (live & COMPLETE_PORTS)
		print_rows(client, "PortShow");
	if (live & COMPLETE_LINKS)
		print_rows(client, "LinkShow");
	ctl_client_close(client);
}

static void print_nodes(const struct opts *opts)
{
	char lab[CTL_NAME_MAX + 1], dir[RUNDIR_PATH_SIZE];

	if (!lab_find(opts, NULL, lab, NULL) && !rundir_path(opts, lab, dir, NULL))
		(void)rundir_each_node(dir, print_name, NULL);
}

static void print_words(char *const *words, unsigned n)
{
	struct opts opts;
	unsigned live = complete(words, n, print_word, NULL, &opts);

	if (live & (COMPLETE_BRIDGES | COMPLETE_PORTS | COMPLETE_LINKS))
		print_of_switch(&opts, live);
	if (live & COMPLETE_NODES)
		print_nodes(&opts);
	if (live & COMPLETE_LABS)
		(void)rundir_each_lab(&opts, print_name, NULL, NULL);
	if (live & COMPLETE_NICS)
		(void)nic_each(NULL, print_nic, NULL);
	if (live & COMPLETE_FILES)
		printf(FILES "\n");
}

int cmd_completion(const struct opts *opts, const struct grammar_request *req)
{
	struct err err = {0};

	if (req->n_args == 1 && !strcmp(req->args[0], "bash")) {
		fputs(bash_script, stdout);
		return EXIT_DONE;
	}
	if (req->n_args > 1 && !strcmp(req->args[0], "words") && !strcmp(req->args[1], "--")) {
		print_words(req->args + 2, req->n_args - 2);
		return EXIT_DONE;
	}
	(void)err_set(&err, -EINVAL, "completion '%s': there is one for bash only",
		req->n_args ? req->args[0] : "");
	err_hint(&err, "`netcfg completion bash`");
	return cmd_fail(&err);
}
