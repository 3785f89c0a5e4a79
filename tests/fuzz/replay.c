/*
 * Runs LLVMFuzzerTestOneInput() on every file of the directories and files given, so that the seeds
 * of a fuzz target are regression tests in builds without libFuzzer. Fails when there is none: a
 * test that ran nothing has proved nothing.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1); /* exactly the size, so that ASan sees overruns */
	int r = -1;

	if (file && data && fread(data, 1, size, file) == size) {
		(void)LLVMFuzzerTestOneInput(data, size);
		r = 1;
	} else {
		(void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	}
	if (file)
		(void)fclose(file);
	free(data);
	return r;
}

/* Returns the number of inputs run, or -1. */
static int replay_path(const char *path)
{
	struct dirent *entry;
	struct stat st;
	int n_run = 0;
	DIR *dir;

	if (stat(path, &st) < 0) {
		(void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path, (size_t)st.st_size);
	dir = opendir(path);
	if (!dir) {
		(void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (n_run >= 0 && (entry = readdir(dir))) {
		char child[4096];
		int n;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		n = replay_path(child);
		n_run = n < 0 ? -1 : n_run + n;
	}
	(void)closedir(dir);
	return n_run;
}

int main(int argc, char **argv)
{
	int n_run = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay_path(argv[i]);

		if (n < 0)
			return EXIT_FAILURE;
		n_run += n;
	}
	(void)printf("%d inputs\n", n_run);
	if (!n_run) {
		(void)fprintf(stderr, "replay: no input found\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
