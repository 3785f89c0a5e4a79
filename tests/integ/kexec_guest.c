/*
 * kexec_guest: all that runs in a Linux guest which boots one kernel after the other by kexec,
 * /init of an initramfs that holds, beside it, /vmlinuz and the drivers of the NIC, /1.ko ... in
 * the order to load them.
 *
 * A kernel that is booted by kexec finds the devices as the one before left them. So first, without
 * a driver, it fills all memory that is free, and waits; a device that still takes frames for the
 * kernel before writes into that memory, or wrote into the files, whose sum is on the command line.
 * Then it takes the NIC and counts frames. Then the next kernel is booted at once: no interface is
 * closed. A kernel may reset its devices when it makes way for the next one, and then says nothing
 * about bus mastering; so the first turns that off by itself as well, under a driver that knows
 * nothing of it, and looks whether frames still come in. It waits by reading a line of the console,
 * so that the test sends frames meanwhile:
 *
 *   generation N: memory is filled                 a line is waited for
 *   generation N: memory is whole | WRITTEN OVER   and the files
 *   generation 0: bus mastering is off             a line is waited for, and another one
 *   generation 0: no frame came in | FRAMES CAME IN
 *   generation N: frames come in                   a line is waited for, then kernel N + 1 is
 *                                                  booted
 *
 * Arguments of the kernel: weft.ip=eth1:ADDRESS/LENGTH, generation=N and sum=HEX (both from the
 * kernel before).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MAX_FILES     16
#define ARCHIVE       "/archive"
#define PAGE          4096
#define ENOUGH_FRAMES 20
#define NIC           "/sys/class/net/eth0"

struct file {
	char name[16];
	unsigned char *data;
	size_t size;
};

static struct file files[MAX_FILES];
static unsigned n_files;
static unsigned long generation;

/* The first program must not end: whoever waits for its next line sees the reason. */
static _Noreturn void stop(const char *what)
{
	perror(what);
	for (;;)
		(void)pause();
}

static void say(const char *text)
{
	(void)printf("generation %lu: %s\n", generation, text);
	(void)fflush(stdout);
}

static void await_line(void)
{
	char c = 0;

	while (c != '\n') {
		if (read(STDIN_FILENO, &c, 1) != 1)
			stop("console");
	}
}

static void map_file(const char *name)
{
	struct file *f = &files[n_files];
	struct stat st;
	int fd;

	if (n_files == MAX_FILES)
		stop("too many files");
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		stop(name);
	f->size = (size_t)st.st_size;
	f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f->data == MAP_FAILED)
		stop(name);
	(void)close(fd);
	n_files++;
}

static void map_files(void)
{
	char name[16];

	map_file("init");
	map_file("vmlinuz");
	for (unsigned i = 1;; i++) {
		(void)snprintf(name, sizeof(name), "%u.ko", i);
		if (access(name, F_OK) < 0)
			return;
		map_file(name);
	}
}

/* FNV-1a over eight bytes at a time: it only has to tell that something has changed. */
static uint64_t sum_of_files(void)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325), word;

	for (unsigned i = 0; i < n_files; i++) {
		for (size_t at = 0; at < files[i].size; at += sizeof(word)) {
			size_t left = files[i].size - at;

			word = 0;
			memcpy(&word, files[i].data + at,
				left < sizeof(word) ? left : sizeof(word));
			sum = (sum ^ word) * UINT64_C(0x100000001b3);
		}
	}
	return sum;
}

/*
 * An archive as the kernel unpacks it (cpio, "newc"): a header of hexadecimal numbers, the name,
 * the bytes.
 */
static void pack_entry(FILE *out, const char *name, unsigned mode, const void *data, size_t size)
{
	static const char zeros[4];
	size_t name_size = strlen(name) + 1;
	int head = fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 0,
		mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);

	(void)fwrite(name, 1, name_size, out);
	(void)fwrite(zeros, 1, -((size_t)head + name_size) % 4, out);
	(void)fwrite(data, 1, size, out);
	(void)fwrite(zeros, 1, -size % 4, out);
}

static void pack_files(void)
{
	FILE *out = fopen(ARCHIVE, "we");

	if (!out)
		stop(ARCHIVE);
	pack_entry(out, "dev", S_IFDIR | 0755, "", 0);
	pack_entry(out, "proc", S_IFDIR | 0755, "", 0);
	pack_entry(out, "sys", S_IFDIR | 0755, "", 0);
	for (unsigned i = 0; i < n_files; i++)
		pack_entry(out, files[i].name, S_IFREG | 0755, files[i].data, files[i].size);
	pack_entry(out, "TRAILER!!!", 0, "", 0);
	if (fclose(out))
		stop(ARCHIVE);
}

/* Fills free memory, waits, and looks at it again. Whether all of it is as it was. */
static bool memory_stays(void)
{
	unsigned char page[PAGE], *memory;
	struct sysinfo info;
	size_t size;
	bool whole = true;

	if (sysinfo(&info) < 0)
		stop("sysinfo");
	size = info.freeram * info.mem_unit / 4 * 3 / PAGE * PAGE;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		stop("memory");
	memset(page, 0xa5, sizeof(page));
	for (size_t at = 0; at < size; at += PAGE)
		memcpy(memory + at, page, PAGE);
	say("memory is filled");
	await_line();
	for (size_t at = 0; at < size; at += PAGE)
		whole = !memcmp(memory + at, page, PAGE) && whole;
	(void)munmap(memory, size);
	return whole;
}

static void load_drivers(void)
{
	for (unsigned i = 2; i < n_files; i++) {
		if (syscall(SYS_init_module, files[i].data, files[i].size, "") < 0)
			stop(files[i].name);
	}
}

static void set_address(const char *cmdline)
{
	static const char key[] = "weft.ip=eth1:";
	struct sockaddr_in *in;
	struct ifreq ifr = {.ifr_name = "eth0"};
	const char *at = strstr(cmdline, key);
	char address[16] = "";
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	in = (struct sockaddr_in *)(void *)&ifr.ifr_addr;
	in->sin_family = AF_INET;
	if (at)
		(void)sscanf(at + strlen(key), "%15[0-9.]", address);
	if (inet_pton(AF_INET, address, &in->sin_addr) != 1)
		stop("weft.ip");
	if (ioctl(fd, SIOCSIFADDR, &ifr) < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		stop("address");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		stop("up");
	(void)close(fd);
}

static unsigned long n_received(void)
{
	FILE *in = fopen(NIC "/statistics/rx_packets", "re");
	unsigned long n;

	if (!in || fscanf(in, "%lu", &n) != 1)
		stop("rx_packets");
	(void)fclose(in);
	return n;
}

static void await_frames(unsigned long before)
{
	while (n_received() < before + ENOUGH_FRAMES)
		(void)usleep(100000);
}

/* In the NIC's PCI command register, behind its driver's back. */
static void set_bus_master(bool on)
{
	int fd = open(NIC "/device/../config",
		O_RDWR | O_CLOEXEC); /* of the virtio device's parent */
	uint16_t command;

	if (fd < 0 || pread(fd, &command, sizeof(command), PCI_COMMAND) != sizeof(command))
		stop("PCI configuration");
	command = (uint16_t)(on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER);
	if (pwrite(fd, &command, sizeof(command), PCI_COMMAND) != sizeof(command))
		stop("PCI command");
	(void)close(fd);
}

/*
 * Take the driver from the NIC and give it back: it resets the device, as the next kernel's does.
 */
static void take_driver_again(void)
{
	static const char *const verbs[] = {"unbind", "bind"};
	char link[256], path[64], *name;
	ssize_t length = readlink(NIC "/device", link, sizeof(link) - 1);

	if (length < 0)
		stop(NIC);
	link[length] = '\0';
	name = strrchr(link, '/') + 1; /* it ends in /virtioN */
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/virtio_net/%s",
			verbs[i]);
		FILE *out = fopen(path, "we");

		if (!out || fputs(name, out) < 0 || fclose(out))
			stop(path);
	}
}

static void try_bus_master(void)
{
	unsigned long before;

	await_frames(0);
	set_bus_master(false);
	say("bus mastering is off");
	await_line(); /* what was on its way has come */
	before = n_received();
	await_line();
	say(n_received() == before ? "no frame came in" : "FRAMES CAME IN");
	set_bus_master(true);
	take_driver_again();
}

static _Noreturn void boot_next(const char *cmdline, uint64_t sum)
{
	int kernel = open("/vmlinuz", O_RDONLY | O_CLOEXEC),
	    archive = open(ARCHIVE, O_RDONLY | O_CLOEXEC);
	const char *end = strstr(cmdline, " generation=");
	char next[2048];

	(void)snprintf(next, sizeof(next), "%.*s generation=%lu sum=%" PRIx64,
		(int)(end ? (size_t)(end - cmdline) : strcspn(cmdline, "\n")), cmdline,
		generation + 1, sum);
	if (syscall(SYS_kexec_file_load, kernel, archive, strlen(next) + 1, next, 0ul) < 0)
		stop("kexec_file_load");
	await_line();
	(void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
		NULL);
	stop("kexec");
}

int main(void)
{
	char cmdline[2048] = "";
	uint64_t sum, sum_before;
	const char *at;
	bool stays, same;
	FILE *in;
	int fd;

	if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0 ||
		(fd = open("/dev/console", O_RDWR)) < 0)
		return 1; /* there is nobody to tell */
	for (int standard = 0; standard <= STDERR_FILENO; standard++)
		(void)dup2(fd, standard);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0 ||
		mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		stop("mount");
	in = fopen("/proc/cmdline", "re");
	if (!in || !fgets(cmdline, sizeof(cmdline), in))
		stop("/proc/cmdline");
	(void)fclose(in);
	at = strstr(cmdline, " generation=");
	generation = at ? strtoul(at + strlen(" generation="), NULL, 10) : 0;
	at = strstr(cmdline, " sum=");

	map_files();
	stays = memory_stays();
	sum = sum_of_files();
	sum_before = at ? strtoull(at + strlen(" sum="), NULL, 16) : sum;
	same = sum == sum_before;
	say(stays && same ? "memory is whole"
		: stays   ? "files WRITTEN OVER"
			  : "memory WRITTEN OVER");
	load_drivers();
	set_address(cmdline);
	pack_files();
	if (!generation) {
		try_bus_master();
		set_address(cmdline);
	}
	await_frames(n_received());
	say("frames come in");
	boot_next(cmdline, sum);
}
