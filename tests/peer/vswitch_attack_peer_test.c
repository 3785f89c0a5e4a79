/* Attacks by what a vhost-user peer can send: messages and descriptors, which stay the peer's
 * (attack.h says what they may not do). */
#include "attack.h"
#include "odd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Call eventfds ---- */

/* A read() empties it; then one more than what a write() of 1 could still add. */
static void fill_and_block(int fd)
{
	const uint64_t full = UINT64_MAX - 1;
	uint64_t count;
	int flags = fcntl(fd, F_GETFL);

	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	do
		(void)!read(fd, &count, sizeof(count));
	while (write(fd, &full, sizeof(full)) != sizeof(full));
	assert_int_equal(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
}

/* The peer fills the counter of both its call eventfds and makes them blocking, while the switch
 * delivers to it and wants to call it: a write() there would wait for ever. */
static void full_call_descriptor_holds_nobody(struct attack *attack)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = packed});
		static const uint8_t frame[64] = {
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb6};
		static uint8_t got[FE_FRAME_MAX];

		for (unsigned i = 0; i < 2; i++)
			fill_and_block(fe_ring(evil, i)->call_fd);
		/* Both rings are called for: broadcasts of the neighbours are received, and what
		 * is sent is returned. */
		for (unsigned i = 0; i < 200; i++) {
			(void)fe_send(evil, 0, NULL, frame, sizeof(frame));
			(void)fe_recv(evil, 0, NULL, got, sizeof(got), 1);
		}
		attack_settle(attack);
		fe_destroy(evil);
	}
}

/* One eventfd for all: call and kick of both rings. The switch's own calls wake its worker. */
static void one_descriptor_is_call_and_kick(struct attack *attack)
{
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){0});
	int kick = fe_ring(evil, 1)->kick_fd;

	for (uint64_t i = 0; i < 2; i++)
		assert_int_equal(fe_message(evil, VHOST_USER_SET_VRING_CALL, 0, &i, sizeof(i),
					 &kick, 1),
			0);
	(void)fe_link_status(evil); /* answered when they were handled */
	attack_settle(attack);
	fill_and_block(kick);
	attack_settle(attack);
	fe_destroy(evil);
}

/* ---- Descriptors whose close() waits ---- */

/* How many descriptors the switch has. */
static unsigned count_fds(struct attack *attack)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", attack->proc.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* What neighbours and control open for a moment. */
#define SPARE_FDS 4

static void wait_fds(struct attack *attack, unsigned at_most)
{
	while (count_fds(attack) > at_most)
		attack_settle(attack); /* fails if the switch is stuck */
}

/* Until no file of ours is mapped in the switch. */
static void wait_unmapped(struct attack *attack)
{
	char path[64], line[512];
	bool is_mapped;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", attack->proc.pid);
	do {
		FILE *maps = fopen(path, "re");

		attack_settle(attack); /* fails if the switch is stuck */
		assert_non_null(maps);
		is_mapped = false;
		while (fgets(line, sizeof(line), maps))
			is_mapped |= !!strstr(line, "memfd:evil");
		(void)fclose(maps);
	} while (is_mapped);
}

static int raw_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* size bytes of a message, with n copies of fd. 0, or -errno of a peer that reads no more. */
static int send_copies(int to, const void *bytes, size_t size, int fd, unsigned n)
{
	int fds[ODD_MAX_FDS];
	ssize_t n_sent;

	for (unsigned i = 0; i < n; i++)
		fds[i] = fd;
	n_sent = odd_send(to, bytes, size, fds, n);
	return n_sent < 0 ? (int)n_sent : 0;
}

/* What is passed: a new socket each time, whose last copy is the switch's, or one file. */
struct oddity {
	const char *kind;
	struct odd_file *file; /* NULL: sockets */
	int readers[16];       /* of them */
	unsigned n_readers;
};

/* Send size bytes with n descriptors, over a connection of its own where to is -1. The switch sees
 * them only when it alone has them. returns  the connection */
static int pass(struct attack *attack, struct oddity *odd, int to, const void *bytes, size_t size,
	unsigned n)
{
	int fd = odd->file ? odd_file_fd(odd->file) : odd_socket(&odd->readers[odd->n_readers++]);
	int r;

	assert_true(fd >= 0 && odd->n_readers < 16);
	assert_int_equal(kill(attack->proc.pid, SIGSTOP), 0);
	if (to < 0)
		to = raw_connect(switch_proc_path(&attack->proc, odd->kind));
	r = send_copies(to, bytes, size, fd, n);
	if (!odd->file && !r)
		(void)close(fd);
	assert_int_equal(kill(attack->proc.pid, SIGCONT), 0);
	if (r < 0)
		fail_msg("cannot send %u descriptors: %s", n, strerror(-r));
	return to;
}

static const struct {
	struct vhost_user_hdr hdr;
	uint64_t payload[5];
	size_t size; /* sent, of header and payload */
	unsigned n;  /* descriptors */
	const char *error;
} ways[] = {
	{{VHOST_USER_SET_MEM_TABLE, 1, 40}, {1, 0, 4096, 0, 0}, 52, 1, "file of tmpfs"},
	{{VHOST_USER_ADD_MEM_REG, 1, 40}, {0, 0, 4096, 0, 0}, 52, 1, "file of tmpfs"},
	{{VHOST_USER_SET_VRING_KICK, 1, 8}, {0}, 20, 1, "not an eventfd"},
	{{VHOST_USER_SET_VRING_CALL, 1, 8}, {0}, 20, 1, "not an eventfd"},
	{{VHOST_USER_SET_VRING_ERR, 1, 8}, {0}, 20, 1, "not an eventfd"},
	{{VHOST_USER_SET_BACKEND_REQ_FD, 1, 0}, {0}, 12, 1, "not one Unix stream"},
	{{VHOST_USER_GET_FEATURES, 1, 0}, {0}, 12, 1, NULL}, /* one too many */
	{{VHOST_USER_GET_FEATURES, 1, 0}, {0}, 12, 253, "more than"},
	{{VHOST_USER_GET_FEATURES, 1, 0}, {0}, 7, 3, NULL}, /* half a header */
	{{99, 1, 8}, {0}, 20, 2, "unknown"},
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

/* In every way there is, each on a port of its own, and unread on one more. */
static void pass_in_every_way(struct attack *attack, struct oddity *odd)
{
	const uint64_t protocol = 1u << VHOST_USER_PROTOCOL_F_BACKEND_REQ |
				  1u << VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	struct fe *evil;
	int second;

	for (unsigned i = 0; i < N_WAYS; i++) {
		uint8_t bytes[64];
		char name[32];

		(void)snprintf(name, sizeof(name), "%s%u", odd->kind, i);
		evil = attack_join(attack, name, (struct fe_config){0});
		assert_int_equal(fe_message(evil, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol, 8,
					 NULL, 0),
			0);
		memcpy(bytes, &ways[i].hdr, 12);
		memcpy(bytes + 12, ways[i].payload, sizeof(ways[i].payload));
		(void)pass(attack, odd, fe_socket(evil), bytes, ways[i].size, ways[i].n);
		if (ways[i].error)
			attack_expect(attack, name, CTL_CONN_BROKEN, ways[i].error);
		fe_destroy(evil); /* what was not closed yet is now */
	}
	/* Who is turned away, or only waits at the listener, may have sent something, too. */
	evil = attack_join(attack, odd->kind, (struct fe_config){0});
	second = pass(attack, odd, -1, "x", 1, 4);
	attack_settle(attack);
	(void)close(second);
	fe_destroy(evil);
}

static void delete_ports(struct attack *attack, const char *kind)
{
	char words[32];

	for (unsigned i = 0; i < N_WAYS; i++) {
		(void)snprintf(words, sizeof(words), "name %s%u", kind, i);
		switch_must(&attack->proc, "PortDel", words);
	}
	(void)snprintf(words, sizeof(words), "name %s", kind);
	switch_must(&attack->proc, "PortDel", words);
}

/* A file whose server never answers, and sockets that wait for a reader: nobody but the closer of
 * their own port waits for them, and that port may be deleted meanwhile. */
static void descriptors_whose_close_waits_hold_nobody(struct attack *attack)
{
	unsigned n_before = count_fds(attack);
	struct oddity sockets = {.kind = "sock"}, files = {.kind = "file"};
	int r = odd_file_create(&files.file);

	pass_in_every_way(attack, &sockets);
	if (r < 0)
		print_message("no file on FUSE: %s\n", strerror(-r));
	else
		pass_in_every_way(attack, &files);
	attack_settle(attack);
	delete_ports(attack, sockets.kind);
	if (!r)
		delete_ports(attack, files.kind);
	attack_settle(attack);
	assert_true(count_fds(attack) > n_before); /* they do wait */
	for (unsigned i = 0; i < sockets.n_readers; i++)
		(void)close(sockets.readers[i]);
	odd_file_destroy(files.file);
	wait_fds(attack, n_before + SPARE_FDS);
}

/* Who sends more and more of them is read no more, until they are closed. */
static void peer_waits_for_what_it_sent(struct attack *attack)
{
	const struct vhost_user_hdr hdr = {VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0};
	unsigned n_before = count_fds(attack), n_sent = 0;
	struct oddity odd = {.kind = "evil"};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){0});
	char replies[4096];

	assert_true(null >= 0);
	(void)pass(attack, &odd, fe_socket(evil), &hdr, sizeof(hdr),
		1); /* waits, and all behind it */
	for (unsigned i = 0; i < 1000; i++) {
		(void)recv(fe_socket(evil), replies, sizeof(replies), MSG_DONTWAIT);
		if (!send_copies(fe_socket(evil), &hdr, sizeof(hdr), null, 8))
			n_sent++;
		else
			usleep(1000);
	}
	attack_settle(attack);
	assert_true(n_sent > 0);
	assert_true(count_fds(attack) < n_before + 512);
	(void)close(odd.readers[0]);
	fe_destroy(evil);
	wait_fds(attack, n_before + 2 + SPARE_FDS); /* a listener and a timer */
	(void)close(null);
	evil = attack_join(attack, "evil", (struct fe_config){0});
	fe_destroy(evil);
}

/* ---- Memory ---- */

/* A memory file of size bytes. -1: not to be had. */
static int memory_file(uint64_t size, unsigned flags)
{
	int fd = memfd_create("evil", MFD_CLOEXEC | flags);

	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Make it the memory of evil, whose rings are where it begins. */
static void set_memory(struct fe *evil, uint64_t size, int fd)
{
	const struct vhost_user_mem_table table = {
		.n_regions = 1,
		.regions = {{.gpa = FE_GPA,
			.size = size,
			.user_addr = (uintptr_t)fe_ring(evil, 0)->desc}},
	};

	assert_int_equal(fe_message(evil, VHOST_USER_SET_MEM_TABLE, 0, &table,
				 8 + sizeof(struct vhost_user_region), &fd, 1),
		0);
}

/* Sparse files cost nothing, but mappings of them do. */
static void memory_is_bounded(struct attack *attack)
{
	const uint64_t gib = UINT64_C(1) << 30;
	int fd = memory_file(UINT64_C(1) << 47, 0);
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){0}), *many[20];
	unsigned n_refused = 0;

	assert_true(fd >= 0);
	set_memory(evil, (UINT64_C(1) << 47) - 4096, fd);
	attack_expect(attack, "evil", CTL_CONN_BROKEN, "1024 GiB of memory at one port");
	fe_destroy(evil);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 20; i++) {
			char name[16], words[32];
			struct ctl_port row;

			(void)snprintf(name, sizeof(name), "evil%u", i);
			many[i] = attack_join(attack, name, (struct fe_config){0});
			assert_int_equal(fe_stop(many[i]), 0);
			set_memory(many[i], 1024 * gib, fd);
			(void)fe_link_status(many[i]);
			(void)snprintf(words, sizeof(words), "name evil%u", i);
			assert_int_equal(switch_rows(&attack->proc, "PortShow", words, &row), 1);
			n_refused += row.state == CTL_CONN_BROKEN &&
				     strstr(row.last_error, "at all ports");
		}
		attack_settle(attack);
		for (unsigned i = 0; i < 20; i++)
			fe_destroy(many[i]);
		/* Given back when it is unmapped: as much again fits. */
		assert_int_equal(n_refused, 5 * (round + 1));
		wait_unmapped(attack);
		attack_settle(attack);
	}
	(void)close(fd);
}

/* A file of huge pages whose pages are not there, or are taken away, and a region that is no
 * multiple of a page of it: half a huge page can be neither replaced nor unmapped. */
static void huge_pages_that_are_not_there_hurt_their_port_only(struct attack *attack)
{
	for (unsigned i = 0; i < 4; i++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){0});
		int fd = memory_file(64 << 20, MFD_HUGETLB);

		if (fd < 0) {
			print_message("no file of huge pages: %s\n", strerror(errno));
			fe_destroy(evil);
			return;
		}
		set_memory(evil, (4 << 20) - 4096 * i, fd);
		(void)fe_link_status(evil);
		assert_int_equal(ftruncate(fd, 0), 0);
		(void)fe_ring_kick(fe_ring(evil, 1));
		attack_expect(attack, "evil", CTL_CONN_BROKEN, "took its memory away");
		(void)close(fd);
		fe_destroy(evil);
	}
	attack_settle(attack);
	wait_unmapped(attack);
}

/* Nothing touches it but what the neighbours send. */
static void memory_that_shrinks_is_noticed(struct attack *attack)
{
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){.unsealed = true});

	assert_int_equal(ftruncate(fe_memory_fd(evil), 0), 0);
	attack_expect(attack, "evil", CTL_CONN_BROKEN, "took its memory away");
	fe_destroy(evil);
}

/* QEMU 7.2 adds and removes each region once per queue pair. */
static void region_that_is_added_twice_is_there_once(struct attack *attack)
{
	const uint64_t protocol = 1u << VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS |
				  1u << VHOST_USER_PROTOCOL_F_CONFIG;
	struct fe *fe = attack_join(attack, "decent", (struct fe_config){0});
	const struct vhost_user_mem_reg reg = {
		.region = {.gpa = UINT64_C(1) << 40, .size = 1 << 20, .user_addr = 1 << 20}};
	int fd = memory_file(1 << 20, 0);

	assert_int_equal(fe_message(fe, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol, 8, NULL, 0),
		0);
	for (unsigned i = 0; i < 40; i++) {
		bool add = i / 2 % 2 == 0;

		assert_int_equal(fe_message(fe,
					 add ? VHOST_USER_ADD_MEM_REG : VHOST_USER_REM_MEM_REG, 0,
					 &reg, sizeof(reg), &fd, add),
			0);
	}
	assert_true(fe_link_status(fe) >= 0); /* answered: the connection is there */
	attack_expect(attack, "decent", CTL_CONN_RUNNING, "");
	(void)close(fd);
	fe_destroy(fe);
}

/* ---- Messages without end ---- */

/* Connecting again and again writes lines, but not more than an operator can read. */
static void log_is_bounded(struct attack *attack)
{
	const char *path = attack_port(attack, "evil", "");
	const struct vhost_user_hdr nonsense = {99, VHOST_USER_VERSION, 0};
	char where[100], log[128];
	struct stat st;

	(void)snprintf(where, sizeof(where), "%s", path);
	for (unsigned i = 0; i < 3000; i++) {
		int fd = raw_connect(where), second = raw_connect(where);

		(void)!write(fd, &nonsense, sizeof(nonsense));
		(void)close(second);
		(void)close(fd);
	}
	attack_settle(attack);
	(void)snprintf(log, sizeof(log), "%s/log", attack->proc.dir);
	assert_int_equal(stat(log, &st), 0);
	if (st.st_size > 256 * 1024)
		fail_msg("the log has %lld bytes", (long long)st.st_size);
}

/* Each of these takes a ring from the workers and gives it back. Neither neighbours nor control
 * wait until they have an end. */
static void changes_without_end_take_turns(struct attack *attack)
{
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){0});
	const struct vhost_user_vring_state num = {1, 256};
	struct {
		struct vhost_user_hdr hdr;
		struct vhost_user_vring_state num;
	} messages[256];

	for (unsigned i = 0; i < 256; i++) {
		messages[i].hdr = (struct vhost_user_hdr){
			VHOST_USER_SET_VRING_NUM, VHOST_USER_VERSION, sizeof(num)};
		messages[i].num = num;
	}
	for (unsigned i = 0; i < 200; i++) {
		(void)!send(fe_socket(evil), messages, sizeof(messages),
			MSG_NOSIGNAL | MSG_DONTWAIT);
		usleep(1000);
	}
	attack_settle(attack);
	fe_destroy(evil);
}

static const struct attack_case cases[] = {
	{"full_call_descriptor_holds_nobody", full_call_descriptor_holds_nobody},
	{"one_descriptor_is_call_and_kick", one_descriptor_is_call_and_kick},
	{"descriptors_whose_close_waits_hold_nobody", descriptors_whose_close_waits_hold_nobody},
	{"peer_waits_for_what_it_sent", peer_waits_for_what_it_sent},
	{"memory_is_bounded", memory_is_bounded},
	{"huge_pages_that_are_not_there_hurt_their_port_only",
		huge_pages_that_are_not_there_hurt_their_port_only},
	{"memory_that_shrinks_is_noticed", memory_that_shrinks_is_noticed},
	{"region_that_is_added_twice_is_there_once", region_that_is_added_twice_is_there_once},
	{"log_is_bounded", log_is_bounded},
	{"changes_without_end_take_turns", changes_without_end_take_turns},
};

int main(void)
{
	return attack_main("peer", cases, sizeof(cases) / sizeof(cases[0]));
}
