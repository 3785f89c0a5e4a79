/*
 * The vmm program with guests of a few instructions: fast enough on any KVM, also one that
 * interprets. usage: run_test VMM. Without /dev/kvm the tests that need it are skipped.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *vmm;
static char dir[] = "/tmp/vmm-run-test-XXXXXX";

/* Run a shell command; its output in text. Returns the exit status. */
static int run(char *text, size_t size, const char *fmt, const char *a, const char *b)
{
	char command[600];
	size_t n;
	FILE *pipe;
	int status;

	(void)snprintf(command, sizeof(command), fmt, a, b);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(text, 1, size - 1, pipe);
	text[n] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A sanitizer makes system calls that the sandbox does not know. */
#ifdef WEFT_ASAN
#define VMM_SANDBOX "--no-seccomp "
#else
#define VMM_SANDBOX ""
#endif

static void need_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		skip();
}

/* A bzImage whose 64-bit entry is code. */
static void write_kernel(const uint8_t *code, size_t len)
{
	static uint8_t image[1024 + 0x200 + 64];
	char path[64];
	FILE *file;

	memset(image, 0xf4, sizeof(image));
	memset(image, 0, 1024);
	image[0x1f1] = 1;
	image[0x1fe] = 0x55;
	image[0x1ff] = 0xaa;
	memcpy(image + 0x200, "\xeb\x66HdrS\x0f\x02", 8);
	image[0x211] = 1;
	image[0x22f] = 0x7f; /* initrd_addr_max */
	image[0x236] = 1;
	image[0x239] = 8;    /* cmdline_size */
	image[0x25a] = 0x10; /* pref_address 1 MiB */
	memcpy(image + 1024 + 0x200, code, len);
	(void)snprintf(path, sizeof(path), "%s/kernel", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(image, sizeof(image), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void guest_prints_resets_and_powers_off(void **state)
{
	/* clang-format off */
	static const uint8_t code[] = {
		0x66, 0xba, 0xf8, 0x03,       /* mov dx, 0x3f8 */
		0xb0, 'h', 0xee,              /* mov al, 'h'; out dx, al */
		0xb0, 'i', 0xee,
		0xb8, 0x00, 0x00, 0x08, 0x00, /* mov eax, 0x80000: RAM survives a reset */
		0xff, 0x00,                   /* inc dword [rax] */
		0x83, 0x38, 0x03,             /* cmp dword [rax], 3 */
		0x73, 0x0a,                   /* jae off */
		0x66, 0xba, 0xf9, 0x0c,       /* mov dx, 0xcf9 */
		0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd,
		0x66, 0xba, 0x04, 0x06,       /* off: mov dx, 0x604 */
		0x66, 0xb8, 0x00, 0x34,       /* mov ax, S5 and enable */
		0x66, 0xef, 0xf4, 0xeb, 0xfd,
	};
	/* clang-format on */
	char text[1024];

	need_kvm();
	write_kernel(code, sizeof(code));
	assert_int_equal(run(text, sizeof(text),
				 "timeout 30 %s run " VMM_SANDBOX
				 "--slow-kvm --vcpus 2 --memory 32M --kernel %s/kernel"
				 " --serial stdio 2>&1 </dev/null",
				 vmm, dir),
		0);
	assert_non_null(strstr(text, "guest powered off"));
	assert_int_equal(run(text, sizeof(text),
				 "timeout 30 %s run " VMM_SANDBOX
				 "--slow-kvm --memory 32M --kernel %s/kernel"
				 " --serial stdio 2>/dev/null </dev/null",
				 vmm, dir),
		0);
	assert_string_equal(text, "hihihi");
}

static void unknown_ports_read_all_ones(void **state)
{
	/* clang-format off */
	static const uint8_t code[] = {
		0x66, 0xba, 0x34, 0x12,       /* mov dx, 0x1234 */
		0xed,                         /* in eax, dx */
		0x66, 0xba, 0xf8, 0x03,       /* mov dx, 0x3f8 */
		0x83, 0xf8, 0xff,             /* cmp eax, -1 */
		0xb0, 'n', 0x75, 0x02,        /* mov al, 'n'; jne +2 */
		0xb0, 'y', 0xee,              /* mov al, 'y'; out dx, al */
		0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef, 0xf4, 0xeb, 0xfd,
	};
	/* clang-format on */
	char text[64];

	need_kvm();
	write_kernel(code, sizeof(code));
	assert_int_equal(run(text, sizeof(text),
				 "timeout 30 %s run " VMM_SANDBOX
				 "--slow-kvm --memory 32M --kernel %s/kernel"
				 " --serial stdio 2>/dev/null </dev/null",
				 vmm, dir),
		0);
	assert_string_equal(text, "y");
}

static void a_deaf_guest_is_unplugged_by_the_second_signal(void **state)
{
	static const uint8_t code[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; hlt; jmp */
	char text[1024];

	need_kvm();
	write_kernel(code, sizeof(code));
	assert_int_equal(run(text, sizeof(text),
				 "%s run " VMM_SANDBOX
				 "--slow-kvm --memory 32M --kernel %s/kernel 2>&1 & p=$!;"
				 " sleep 1; kill -TERM $p; sleep 0.3; kill -TERM $p; wait $p",
				 vmm, dir),
		0);
	assert_non_null(strstr(text, "machine is off: forced"));
}

static void mistakes_are_explained(void **state)
{
	static const struct {
		const char *command;
		int code;
		const char *text;
	} cases[] = {
		{"%s run 2>&1 # %s", 2, "--kernel: a kernel is needed"},
		{"%s fly 2>&1 # %s", 2, "unknown command 'fly'"},
		{"%s run " VMM_SANDBOX "--slow-kvm --kernel %s/nothing 2>&1", 1,
			"nothing': cannot open it: No such file"},
		{"%s run " VMM_SANDBOX "--slow-kvm --kernel %s 2>&1", 1, "not a regular file"},
		{"%s run " VMM_SANDBOX "--slow-kvm --kernel /bin/sh 2>&1 # %s", 1,
			"kernel '/bin/sh': "},
		{"%s run " VMM_SANDBOX "--slow-kvm --kernel %s/kernel --initrd /proc/none 2>&1", 1,
			"initrd '/proc/none'"},
		{"%s run " VMM_SANDBOX "--slow-kvm --kernel %s/kernel --serial file=/no/where 2>&1",
			1, "serial: file '/no/where'"},
		{"%s run " VMM_SANDBOX
		 "--slow-kvm --kernel %s/kernel --memory 17000K --hugepages 2>&1",
			1, "multiple of 2048 KiB"},
	};
	char text[1024];

	need_kvm();
	write_kernel((const uint8_t *)"\xf4", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = run(text, sizeof(text), cases[i].command, vmm, dir);

		if (code != cases[i].code || !strstr(text, cases[i].text))
			fail_msg("case %zu: exit %d, '%s'", i, code, text);
	}
}

static void check_and_run_agree(void **state)
{
	char text[1024];
	int code = run(text, sizeof(text), "%s check -j # %s", vmm, "");

	need_kvm();
	assert_non_null(strstr(text, code ? "\"fit\": false" : "\"fit\": true"));
	assert_non_null(strstr(text, "guest_mips"));
	if (!code)
		return;
	assert_int_equal(run(text, sizeof(text), "%s run --kernel %s/kernel 2>&1", vmm, dir), 1);
	assert_non_null(strstr(text, "too slow"));
	assert_non_null(strstr(text, "--slow-kvm"));
}

static int group_setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	char text[8];

	return run(text, sizeof(text), "rm -r %s%s", dir, "");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_prints_resets_and_powers_off),
		cmocka_unit_test(unknown_ports_read_all_ones),
		cmocka_unit_test(a_deaf_guest_is_unplugged_by_the_second_signal),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(check_and_run_agree),
	};

	if (argc != 2)
		return 2;
	vmm = argv[1];
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
