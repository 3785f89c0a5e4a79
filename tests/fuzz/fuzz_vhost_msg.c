/*
 * A vhost-user front-end that says anything: known and unknown messages of any size, with
 * descriptors of any kind, whole or cut off. Some hold whoever is careless with them: eventfds that
 * are full and block, sockets that linger; or are no memory that can be touched: huge pages that
 * are not there, files that shrink. (A file on FUSE would hold this process itself, were it to
 * crash: see tests/peer/vswitch_attack_peer_test.c.) The rings that come out of it are used, and
 * their drivers called, as a worker would.
 *
 * Oracles: no ring is used that was not offered; positions are sound, at any time (STEP_CHECK) and
 * between bursts; a burst takes no more steps than fwd.h says; no byte beyond a region is touched,
 * since guard pages stand around the mapping and what of it is not the region's is poisoned for
 * AddressSanitizer; nothing waits (FUZZ_MAX_WAIT_NS); afterwards, when the closer is done, every
 * descriptor is closed and nothing mapped.
 *
 * Input: messages of {request, flags, what to attach, payload length, payload}. One of request
 * WRITE is not sent: its payload, a position and bytes, is written to the memory that was attached
 * last, as a guest would do. One of request URGENT is a socket that lingers, sent with a byte out
 * of band.
 */
#include "fuzz.h"

#include "fds.h"
#include "fwd.h"
#include "log.h"
#include "notify_setup.h"
#include "odd.h"
#include "port.h"
#include "steps.h"
#include "threads.h"
#include "vhost_mem.h"
#include "vhost_user.h"
#include "vring_priv.h"

#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEM_SIZE  65536
#define HUGE_SIZE (4 << 20)
#define PAGE_SIZE 4096
#define MAX_KEPT  16
#define BURST     4
#define WRITE     0xf0 /* no request of the protocol, */
#define URGENT    0xf1 /* nor is this */

/* What is let go of, or changed behind the switch's back, only after the messages. */
struct kept {
	int readers[MAX_KEPT]; /* of sockets that linger */
	unsigned n_readers;
	int blocking[MAX_KEPT]; /* eventfds that are full */
	unsigned n_blocking;
	int files[MAX_KEPT]; /* of memory, to be shortened */
	unsigned n_files;
	int memory; /* the last one; 0: none */
};

static struct kept kept;

static char path[CTL_PATH_MAX + 1];
static struct fwd *work; /* plan and segments for using rings */

static void remove_path(void)
{
	path[strlen(path) - 2] = '\0';
	(void)rmdir(path);
}

static void prepare(void)
{
	const char *tmp = getenv("TMPDIR");

	if (path[0])
		return;
	(void)snprintf(path, sizeof(path), "%s/weft-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	if (strlen(path) + 2 >= sizeof(path) || !mkdtemp(path))
		abort();
	strcat(path, "/p");
	work = mmap(NULL, sizeof(*work), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		0);
	if (work == MAP_FAILED)
		abort();
	/* They live as long as the process. */
	if (notify_init(&work->flush.calls) || vhost_mem_guard())
		abort();
	log_set_level(LOG_ERR);
	atexit(remove_path);
}

_Thread_local struct steps steps_taken;

static bool is_guest_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool is_mapped = false;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		is_mapped |= !!strstr(line, "memfd:guest");
	if (maps)
		(void)fclose(maps);
	return is_mapped;
}

static int memory_file(size_t size, unsigned flags)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | flags);

	if (fd < 0 && flags & MFD_HUGETLB)
		return memory_file(size, 0); /* a kernel without them */
	if (fd < 0 || ftruncate(fd, (off_t)size))
		abort();
	return fd;
}

static void keep(int *fds, unsigned *n, int fd)
{
	if (*n < MAX_KEPT)
		fds[(*n)++] = dup(fd);
}

/* A read() of nobody empties it: the next write() of 1 would wait. */
static int full_eventfd(void)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0 || write(fd, &full, sizeof(full)) != sizeof(full))
		abort();
	keep(kept.blocking, &kept.n_blocking, fd);
	return fd;
}

/* Its last copy is closed by the port, who waits: see close_all(). */
static int lingering_socket(void)
{
	int fd;

	if (kept.n_readers == MAX_KEPT)
		return socket(AF_UNIX, SOCK_STREAM, 0);
	fd = odd_socket(&kept.readers[kept.n_readers]);
	if (fd < 0)
		abort();
	kept.n_readers++;
	return fd;
}

static void send_urgent(int to)
{
	int *reader = &kept.readers[kept.n_readers];

	if (kept.n_readers == MAX_KEPT)
		return;
	kept.n_readers++;
	*reader = -1;
	(void)odd_socket_send_urgent(to, reader); /* or the port hung up */
}

static int shrinking_file(size_t size, unsigned flags)
{
	int fd = memory_file(size, flags);

	keep(kept.files, &kept.n_files, fd);
	return fd;
}

/* What nobody expects, number i. */
static int odd_fd(unsigned i)
{
	switch (i % 8) {
	case 0:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 1:
		return full_eventfd();
	case 2:
		return memory_file(HUGE_SIZE, MFD_HUGETLB);
	case 3:
		return shrinking_file(HUGE_SIZE, MFD_HUGETLB);
	case 4:
		return shrinking_file(MEM_SIZE, 0);
	case 5:
		return memory_file((size_t)1 << 47, 0);
	case 6:
		return lingering_socket();
	default:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	}
}

/* What the peer does to its files while the switch has them. */
static void spoil(void)
{
	for (unsigned i = 0; i < kept.n_blocking; i++)
		(void)fcntl(kept.blocking[i], F_SETFL,
			fcntl(kept.blocking[i], F_GETFL) & ~O_NONBLOCK);
	for (unsigned i = 0; i < kept.n_files; i++)
		(void)!ftruncate(kept.files[i], 0);
}

static void keep_memory(int fd)
{
	if (kept.memory)
		close(kept.memory);
	kept.memory = dup(fd);
}

static void write_memory(const uint8_t *payload, size_t len)
{
	uint16_t at;

	if (!kept.memory || len < sizeof(at))
		return;
	memcpy(&at, payload, sizeof(at));
	len -= sizeof(at);
	/* Nowhere else than inside: a file that grew would be another. */
	if (len > (size_t)MEM_SIZE - at)
		len = (size_t)MEM_SIZE - at;
	(void)!pwrite(kept.memory, payload + sizeof(at), len, at);
}

static void let_go(void)
{
	for (unsigned i = 0; i < kept.n_readers; i++)
		close(kept.readers[i]);
	for (unsigned i = 0; i < kept.n_blocking; i++)
		close(kept.blocking[i]);
	for (unsigned i = 0; i < kept.n_files; i++)
		close(kept.files[i]);
	if (kept.memory)
		close(kept.memory);
	kept = (struct kept){0};
}

/* Descriptors of kind & 7, (kind >> 4) + 1 of them. Returns how many. */
static unsigned make_fds(uint8_t kind, int *fds)
{
	unsigned n = (kind >> 4) + 1u;
	int two[2];

	for (unsigned i = 0; i < n; i++) {
		switch (kind & 7) {
		case 1:
			fds[i] = eventfd(0, 0);
			break;
		case 2:
			fds[i] = memory_file(MEM_SIZE, 0);
			keep_memory(fds[i]);
			break;
		case 3:
			fds[i] = memory_file(4096, 0);
			break;
		case 4:
			if (pipe(two))
				abort();
			close(two[0]);
			fds[i] = two[1];
			break;
		case 5: /* the last of n: so that one message can carry a certain one alone */
			fds[0] = odd_fd(n - 1);
			return 1;
		case 6:
			fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
			break;
		case 7:
			fds[i] = open("/dev/null", O_RDWR);
			break;
		default:
			return 0;
		}
	}
	return n;
}

/* Close our copies; where nobody has another one, without waiting for readers. */
static void close_all(const int *fds, unsigned n, bool are_sent)
{
	const struct linger none = {0};

	for (unsigned i = 0; i < n; i++) {
		if (!are_sent)
			(void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		close(fds[i]);
	}
}

/* Of the pages that regions lie in, what is not theirs: not to be touched, or again as before. */
static void fence_regions(const struct port_queues *rings, bool on)
{
	const struct vmem *mem = rings->n + rings->n_disabled ? vring_of(rings->rx[0])->mem : NULL;

	for (unsigned i = 0; mem && i < mem->n_regions; i++) {
		uintptr_t begin = (uintptr_t)mem->regions[i].hva;
		uintptr_t end = begin + mem->regions[i].size;
		uintptr_t first = begin & ~(uintptr_t)(PAGE_SIZE - 1);
		uintptr_t last = (end + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1);

		if (on) {
			ASAN_POISON_MEMORY_REGION((void *)first, begin - first);
			ASAN_POISON_MEMORY_REGION((void *)end, last - end);
		} else {
			ASAN_UNPOISON_MEMORY_REGION((void *)first, last - first);
		}
	}
}

static void check_burst(const struct vring *ring)
{
	if (!vring_is_sound(ring))
		abort();
	if (steps_taken.rx_descs > FWD_MAX_RX_DESCS ||
		steps_taken.descriptors - steps_taken.rx_descs > FWD_MAX_TX_DESCS ||
		steps_taken.bytes > FWD_MAX_BYTES)
		abort();
}

static void call_driver(struct vring *ring)
{
	if (vring_signal_needed(ring) && ring->call_fd >= 0)
		notify_add(&work->flush.calls, ring->call_fd);
	notify_submit(&work->flush.calls);
}

/* What a worker may do with rings that are offered. */
static void use_rings(struct port *port)
{
	static struct tx_plan plan;
	const struct port_queues *rings = port_queues(port);

	for (unsigned i = 0; i < rings->n; i++) {
		struct vring *from = vring_of(rings->rx[i]), *to = vring_of(rings->tx[i]);
		struct burst burst = {.frames = work->frames};
		steps_taken = (struct steps){0};
		unsigned n = vring_rx(from, &burst, BURST, work->segs, FWD_MAX_SEGS);
		struct tx_burst put = {.frames = work->frames};
		struct tx_tally tally = {0};

		plan.n_descs = 0;
		vring_tx_begin(to, &plan, n);
		/* Every other frame the fast path where it leads on, the others the long one. */
		for (unsigned f = 0; f < n; f++) {
			if (work->frames[f].len < 14)
				continue;
			put.todo = UINT64_C(1) << f;
			if (f & 1 || vring_tx_fast(to, &plan, &put, &tally))
				(void)vring_tx_frame(to, &plan, &work->frames[f], false);
		}
		vring_return(from, work->frames, n);
		vring_publish(from);
		vring_publish(to);
		vring_notify(from, true);
		call_driver(from);
		call_driver(to);
		check_burst(from);
		check_burst(to);
	}
}

/* What a worker may do with rings that the peer disabled. */
static void drain_rings(struct port *port)
{
	const struct port_queues *rings = port_queues(port);

	for (unsigned i = rings->n; i < (unsigned)rings->n + rings->n_disabled; i++) {
		struct vring *from = vring_of(rings->rx[i]);
		struct burst burst = {.frames = work->frames};
		steps_taken = (struct steps){0};
		unsigned n = vring_rx(from, &burst, BURST, work->segs, FWD_MAX_SEGS);

		vring_return(from, work->frames, n);
		vring_publish(from);
		check_burst(from);
	}
}

static void work_once(struct port *port)
{
	fence_regions(port_queues(port), true);
	use_rings(port);
	drain_rings(port);
	fence_regions(port_queues(port), false);
}

static void on_rings(void *ctx, struct port *port)
{
	work_once(port);
}

static const struct port_events events = {.queues = on_rings};

static int join_port(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		abort();
	return fd;
}

static void settle(struct ev *ev)
{
	for (unsigned i = 0; i < 4 && ev_run_once(ev, 0) > 0; i++)
		;
}

/* The message at data, to the port or to its memory. returns  where the next one begins */
static const uint8_t *say(int fd, const uint8_t *data, const uint8_t *end)
{
	struct vhost_user_hdr hdr = {.request = data[0], .flags = data[1], .size = data[3]};
	size_t len = data[3], left = (size_t)(end - data) - 4;
	uint8_t message[sizeof(hdr) + UINT8_MAX];
	unsigned n_fds;
	int fds[16];

	len = len < left ? len : left;
	if (hdr.request == WRITE) {
		write_memory(data + 4, len);
		return data + 4 + len;
	}
	if (hdr.request == URGENT) {
		send_urgent(fd);
		return data + 4 + len;
	}
	n_fds = make_fds(data[2], fds);
	if (data[2] & 8) /* a length that the payload does not have */
		hdr.size = data[3] * 64u;
	memcpy(message, &hdr, sizeof(hdr));
	memcpy(message + sizeof(hdr), data + 4, len);
	/* Nothing is sent where the port hung up, or has no room. */
	close_all(fds, n_fds, odd_send(fd, message, sizeof(hdr) + len, fds, n_fds) >= 0);
	return data + 4 + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_port conf = {.type = CTL_PORT_VHOST_USER,
		.mode = CTL_SOCK_SERVER,
		.queues = 2,
		.mtu = 1500,
		.name = "fuzz"};
	const uint8_t *end = data + size;
	struct err err = {0};
	struct port *port;
	struct ev *ev;
	unsigned n_threads;
	uint64_t begin_ns = ev_now_ns();
	int fd;

	prepare();
	fds_note();
	n_threads = threads_count();
	memcpy(conf.path, path, sizeof(path));
	if (ev_create(&ev) || port_create(ev, &conf, &events, NULL, &port, &err))
		abort();
	fd = join_port();
	while (end - data >= 4) {
		uint8_t reply[2048];

		data = say(fd, data, end);
		settle(ev);
		spoil();
		work_once(port);
		port_check(port);
		while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
			;
	}
	close(fd);
	settle(ev);
	if (port_is_running(port))
		abort();
	port_destroy(port);
	ev_destroy(ev);
	let_go();
	/* The closer is done soon; one that never is runs into the time limit. */
	threads_wait(n_threads);
	fds_wait_closed();
	if (is_guest_mapped() || ev_now_ns() - begin_ns > FUZZ_MAX_WAIT_NS)
		abort();
	return 0;
}
