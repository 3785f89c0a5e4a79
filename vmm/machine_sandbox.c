#include "machine_sandbox.h"

#include "config.h"
#include "err.h"
#include "log.h"

#include <errno.h>
#include <string.h>

LOG_MODULE("sandbox");

#define MACHINE_MAX_FILES (2 + CONFIG_MAX_NETS + 2 * CONFIG_MAX_SINKS)

/* Folders of the files that the machine made and removes at its end. */
struct machine_folders {
	unsigned n;
	const char *names[MACHINE_MAX_FILES];
	char text[MACHINE_MAX_FILES][CONFIG_SOCKET_SIZE];
};

static void add_folder_of(struct machine_folders *folders, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
	char *text = folders->text[folders->n];

	if (!path[0])
		return;
	memcpy(text, len ? path : ".", len ? len : 1);
	text[len ? len : 1] = '\0';
	for (unsigned i = 0; i < folders->n; i++) {
		if (!strcmp(folders->names[i], text))
			return;
	}
	folders->names[folders->n++] = text;
}

static void add_console(struct machine_folders *folders, const struct config_console *console)
{
	for (unsigned i = 0; i < console->n_sinks; i++) {
		const struct console_sink_config *sink = &console->sinks[i];

		if (sink->kind == CONSOLE_UNIX || sink->kind == CONSOLE_PTY)
			add_folder_of(folders, sink->path);
	}
}

int machine_sandbox_enter_files(const struct config *config, struct sandbox_needs *ret_needs,
	struct err *err)
{
	struct machine_folders folders = {0};
	int r;

	*ret_needs = (struct sandbox_needs){0};
	add_folder_of(&folders, config->control);
	add_folder_of(&folders, config->metrics.path);
	add_console(&folders, &config->serial);
	add_console(&folders, &config->console);
	for (unsigned i = 0; i < config->n_nets; i++) {
		if (config->nets[i].server)
			add_folder_of(&folders, config->nets[i].path);
		else
			ret_needs->connects = true;
	}
	r = sandbox_enter_files(folders.names, folders.n);
	if (r == -EOPNOTSUPP) {
		log_notice("no Landlock in this kernel: the system call filter alone keeps files "
			   "safe, "
			   "and sockets stay behind when the VM ends");
		return 0;
	}
	ret_needs->removes_files = !r;
	return r < 0 ? err_set(err, r, "sandbox: cannot confine the use of files: %s", strerror(-r))
		     : 0;
}
