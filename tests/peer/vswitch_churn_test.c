/* A real vswitch under full load while ports are added, removed and reconfigured ten times a
 * second, links are impaired in other ways, ports have other limits, and guests come, go, hang and
 * change their rings; on request captures, mirrors and samples come and go, too, ports count other
 * things, and frames are injected. In the end every frame is accounted for.
 *
 * WEFT_CHURN_SECONDS  how long, for each number of workers (default 5)
 * WEFT_CHURN_SEED     of the sequence of changes and of the frames (default: the clock; printed)
 * WEFT_CHURN_LOOK     what looks at frames as well (churn_look.h; default: not)
 * WEFT_CHURN_WORKERS  only this number of workers, 1 or 2 */
#include "churn_look.h"
#include "ctl_client.h"
#include "end_host.h"
#include "switch_proc.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TICK_NS   100000000
#define WAIT_MS   60000 /* for what hangs */
#define N_FIXED   14    /* hosts whose ports stay; the others come and go */
#define N_ALL     20
#define N_LINKS   2
#define FIRST_END 10 /* hosts from here to N_FIXED are ends of links */
#define DAMAGING  1  /* the link that may do anything to frames; others keep content and order */

/* Memory that a freed object leaves behind is kept from use for a while under AddressSanitizer,
 * which looks for leaks itself at the end. */
#ifdef WEFT_ASAN
#define GROWTH_MAX_KIB (400 * 1024)
#else
#define GROWTH_MAX_KIB (4 * 1024)
#endif
/* The rings of samples and of injected frames of two workers, backed when they are used first. */
#define LOOK_MAX_KIB (6 * 1024)

static const struct {
	uint16_t vid;
	const char *bridge; /* NULL: on links; "*": any */
	unsigned first, end;
} domains[] = {
	{10, "br0", 0, 3},
	{20, "br0", 3, 6},
	{10, "br1", 6, 8},
	{30, "*", 8, 10},
	{0, NULL, FIRST_END, N_FIXED},
};

struct change_counts {
	unsigned added, removed, changed, impaired, peers;
};

static struct switch_proc proc;
static struct end_host hosts[N_ALL];
static bool has_link[N_LINKS];
static uint64_t rng; /* the churner's */
static pthread_t load;
static bool is_loaded;
static _Atomic bool stop_load;
static struct change_counts counts;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint32_t dice(uint32_t below)
{
	return end_host_random(&rng, below);
}

/* Request in words, made as by printf(); it has to work. */
__attribute__((format(printf, 2, 3))) static void must(const char *method, const char *format, ...)
{
	char words[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	switch_must(&proc, method, words);
}

static struct ctl_port show(const char *name)
{
	char words[64];
	struct ctl_port port;

	(void)snprintf(words, sizeof(words), "name %s", name);
	assert_int_equal(switch_rows(&proc, "PortShow", words, &port), 1);
	return port;
}

/* ---- Load ------------------------------------------------------------------------------------ */

static void *load_main(void *arg)
{
	uint64_t load_rng = *(const uint64_t *)arg;

	while (!stop_load) {
		for (unsigned i = 0; i < N_ALL; i++) {
			/* Whoever is being changed waits for its turn. */
			if (pthread_mutex_trylock(&hosts[i].lock))
				continue;
			(void)end_host_poll(&hosts[i], hosts, N_ALL, &load_rng);
			pthread_mutex_unlock(&hosts[i].lock);
		}
	}
	return NULL;
}

static void load_start(uint64_t seed)
{
	static uint64_t load_seed;

	load_seed = seed;
	stop_load = false;
	assert_int_equal(pthread_create(&load, NULL, load_main, &load_seed), 0);
	is_loaded = true;
}

static void load_stop(void)
{
	stop_load = true;
	if (is_loaded)
		(void)pthread_join(load, NULL);
	is_loaded = false;
}

/* ---- Peers ----------------------------------------------------------------------------------- */

/* Drive the host's port with rings and features of any kind. */
static void connect_peer(struct end_host *host, bool listen)
{
	static const uint64_t optional[] = {VIRTIO_BIT(VIRTIO_F_EVENT_IDX),
		VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF), VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)};
	const struct fe_config config = {.path = switch_proc_path(&proc, host->name),
		.listen = listen,
		.timeout_ms = 60000,
		.packed = dice(2),
		.queue_pairs = (uint16_t)(1 + dice(3)),
		.ring_size = (uint16_t)(16u << dice(6)),
		.features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MQ) |
			    VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |
			    (dice(2) ? optional[0] : 0) | (dice(4) ? optional[1] : 0) |
			    (dice(2) ? optional[2] : 0)};
	struct fe *fe;

	assert_int_equal(fe_create(&config, &fe), 0);
	pthread_mutex_lock(&host->lock);
	host->fe = fe;
	host->n_queues = config.queue_pairs;
	host->sends = host->reads = true;
	pthread_mutex_unlock(&host->lock);
}

/* Does the switch still hold the connection that is its connects-th? */
static bool has_connection(const struct end_host *host, uint64_t connects)
{
	struct ctl_port port = show(host->name);

	return port.connects == connects &&
	       (port.state == CTL_CONN_RUNNING || port.state == CTL_CONN_NEGOTIATING);
}

/* The connection ends as if the guest was killed; what it got is looked at when the switch
 * noticed. */
static void kill_peer(struct end_host *host, bool has_port)
{
	uint64_t connects;

	if (!host->fe)
		return;
	connects = has_port ? show(host->name).connects : 0;
	(void)shutdown(fe_socket(host->fe), SHUT_RDWR);
	/* Not running is not enough: disabled rings are used as long as the connection lasts. */
	for (unsigned i = 0; has_port && has_connection(host, connects); i++) {
		assert_true(i < 60000);
		usleep(1000);
	}
	pthread_mutex_lock(&host->lock);
	end_host_retire(host);
	pthread_mutex_unlock(&host->lock);
}

static bool listens(const struct end_host *host)
{
	return show(host->name).mode == CTL_SOCK_CLIENT;
}

/* Enable or disable each of its rings, or enable all. */
static void enable_rings(struct end_host *host, bool all)
{
	for (uint32_t i = 0; i < 2 * host->n_queues; i++) {
		const struct vhost_user_vring_state state = {i, all || dice(2)};

		assert_int_equal(fe_message(host->fe, VHOST_USER_SET_VRING_ENABLE, 0, &state,
					 sizeof(state), NULL, 0),
			0);
	}
}

static void change_peer(struct end_host *host)
{
	counts.peers++;
	switch (dice(7)) {
	case 0: /* hangs */
		pthread_mutex_lock(&host->lock);
		host->reads = false;
		pthread_mutex_unlock(&host->lock);
		break;
	case 1: /* is reset and comes back at once */
	case 2:
		pthread_mutex_lock(&host->lock);
		assert_int_equal(fe_stop(host->fe), 0);
		assert_int_equal(fe_start(host->fe), 0);
		host->reads = host->sends = true;
		pthread_mutex_unlock(&host->lock);
		break;
	case 3: /* is started again without the switch's notice */
		pthread_mutex_lock(&host->lock);
		assert_int_equal(fe_reconnect(host->fe), 0);
		pthread_mutex_unlock(&host->lock);
		break;
	case 4: /* is another guest */
		kill_peer(host, true);
		connect_peer(host, listens(host));
		break;
	case 5: /* uses other queues */
		enable_rings(host, false);
		break;
	default: /* reads on */
		pthread_mutex_lock(&host->lock);
		host->reads = true;
		pthread_mutex_unlock(&host->lock);
	}
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static const char *vlan_words(uint16_t vid)
{
	static char words[80];
	static const char *const roles[] = {"tag %u", "vlan_mode trunk native 0 trunks %u",
		"vlan_mode native-tagged native %u trunks %u",
		"vlan_mode native-untagged native %u trunks %u"};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(words, sizeof(words), roles[dice(4)], vid, vid);
#pragma GCC diagnostic pop
	return words;
}

static unsigned domain_of(unsigned id)
{
	unsigned d = 0;

	while (id < N_FIXED && id >= domains[d].end)
		d++;
	return id < N_FIXED ? d : dice(3);
}

static const char *any_bridge(void)
{
	return dice(2) ? "br0" : "br1";
}

/* Of a domain's ports; any, where they may be at either. */
static const char *bridge_of(unsigned domain, const char *any)
{
	const char *bridge = domains[domain].bridge;

	return strcmp(bridge, "*") != 0 ? bridge : any;
}

static void add_port(struct end_host *host)
{
	unsigned domain = domain_of(host->id);
	bool listen = dice(4) == 0;

	host->domain = (uint8_t)domain;
	host->vid = domains[domain].vid;
	if (domains[domain].bridge)
		must("PortAdd", "name %s bridge %s path $/%s mode %s %s", host->name,
			bridge_of(domain, any_bridge()), host->name, listen ? "client" : "server",
			vlan_words(host->vid));
	else
		must("PortAdd", "name %s path $/%s mode %s", host->name, host->name,
			listen ? "client" : "server");
	connect_peer(host, listen);
	counts.added++;
}

static void remove_port(struct end_host *host)
{
	switch (dice(3)) {
	case 0: /* under load */
		break;
	case 1:
		kill_peer(host, true);
		break;
	default: /* both at once */
		(void)shutdown(fe_socket(host->fe), SHUT_RDWR);
	}
	must("PortDel", "name %s", host->name);
	kill_peer(host, false);
	counts.removed++;
}

static void change_bridged_port(struct end_host *host)
{
	static const unsigned mtus[] = {68, 500, 1500, 4000, 9216};

	switch (dice(8)) {
	case 0:
		must("PortSet", "name %s %s", host->name, vlan_words(host->vid));
		break;
	case 1:
		must("PortSet", "name %s mtu %u", host->name, mtus[dice(5)]);
		break;
	case 2:
		must("PortSet", "name %s enabled false", host->name);
		break;
	case 3:
		must("PortSet", "name %s bridge -", host->name);
		break;
	default:
		must("PortSet", "name %s enabled true bridge %s", host->name,
			bridge_of(host->domain, any_bridge()));
	}
}

static void add_link(unsigned link)
{
	unsigned a = FIRST_END + 2 * link;

	must("LinkAdd", "name w%u a %s b %s", link, hosts[a].name, hosts[a + 1].name);
	has_link[link] = true;
}

static void change_link(unsigned link)
{
	if (!has_link[link]) {
		add_link(link);
		return;
	}
	switch (dice(4)) {
	case 0:
		must("LinkDel", "name w%u", link);
		has_link[link] = false;
		break;
	case 1:
		must("LinkSet", "name w%u mtu %u", link, 68 + dice(9000));
		break;
	default:
		must("LinkSet", "name w%u enabled %s", link, dice(3) ? "true" : "false");
	}
}

/* Frames are delayed and lost; of those that arrive each does once, as it was and in order. */
static const char *const impairments[] = {
	"delay 1ms jitter 0",
	"delay 20ms",
	"delay 5ms jitter 5ms",
	"delay 3ms jitter 1ms distribution pareto",
	"delay 0",
	"loss 5% gemodel_p 0",
	"loss 0 gemodel_p 1%",
	"loss 0",
	"rate 100mbit",
	"rate 1gbit limit 50",
	"rate 0 limit 0",
	"limit_bytes 1M",
	"limit_bytes 0",
	"seed 5",
};
static const char *const damages[] = {
	"duplicate 10%",
	"duplicate 0",
	"corrupt 5%",
	"corrupt 0",
	"delay 5ms reorder 25% gap 3",
	"reorder 0",
};
static const char *const no_impairment =
	"delay 0 loss 0 gemodel_p 0 rate 0 limit 0 limit_bytes 0 duplicate 0 corrupt 0 "
	"reorder 0";

/* Of one direction, in words as above. A former hold may have frames in it still. */
static void set_impairment(const char *method, const char *name, const char *direction,
	const char *settings)
{
	char text[256], words[512], *save = NULL;
	bool is_name = true;
	struct err err;
	int r;

	(void)snprintf(text, sizeof(text), "%s", settings);
	(void)snprintf(words, sizeof(words), "name %s", name);
	for (char *at = strtok_r(text, " ", &save); at; at = strtok_r(NULL, " ", &save)) {
		size_t used = strlen(words);

		(void)snprintf(words + used, sizeof(words) - used, " %s%s%s",
			is_name ? direction : "", is_name ? "." : "", at);
		is_name = !is_name;
	}
	r = switch_ask(&proc, method, words, &err);
	if (r < 0 && r != -EBUSY)
		fail_msg("%s %s: %s", method, words, err.msg);
	counts.impaired++;
}

static void impair_link(unsigned link)
{
	const unsigned n = sizeof(impairments) / sizeof(impairments[0]);
	const unsigned n_damages = sizeof(damages) / sizeof(damages[0]);
	uint32_t kind = dice(link == DAMAGING ? n + n_damages : n);
	char name[16];

	if (!has_link[link])
		return;
	(void)snprintf(name, sizeof(name), "w%u", link);
	set_impairment("LinkSet", name, dice(2) ? "a_to_b" : "b_to_a",
		kind < n ? impairments[kind] : damages[kind - n]);
}

static void impair_port(const struct end_host *host)
{
	const unsigned n = sizeof(impairments) / sizeof(impairments[0]);

	set_impairment("PortSet", host->name, dice(2) ? "in" : "out", impairments[dice(n)]);
}

/* Fields of a port, and what is set in them. */
static const char *const limits[][2] = {
	{"policer", "rate 50mbit burst 0 excess_burst 0 peak_rate 0"},
	{"policer", "rate 20mbit burst 64K excess_burst 0 peak_rate 100mbit"},
	{"policer", "rate 20mbit excess_burst 100K peak_rate 0"},
	{"policer", "rate 0"},
	{"pacing", "rate 100mbit burst 0"},
	{"pacing", "rate 1gbit burst 10K"},
	{"pacing", "rate 0"},
	{"shaper", "rate 100mbit limit 0 scheduler strict weight7 1"},
	{"shaper", "rate 1gbit limit 20 scheduler drr weight7 5"},
	{"shaper", "rate 50mbit classify dscp"},
	{"shaper", "rate 0"},
	{"storm_control", "broadcast_pps 1kpps broadcast 0"},
	{"storm_control", "broadcast 1mbit broadcast_pps 0"},
	{"storm_control", "unknown_unicast_pps 500 multicast 1mbit"},
	{"storm_control", "action shut"},
	{"storm_control", "action drop"},
};
static const char *const no_limits[][2] = {
	{"policer", "rate 0"},
	{"pacing", "rate 0"},
	{"shaper", "rate 0"},
	{"storm_control",
		"broadcast 0 broadcast_pps 0 multicast 0 unknown_unicast_pps 0 action drop"},
};

static void limit_port(const struct end_host *host)
{
	const char *const *limit = limits[dice(sizeof(limits) / sizeof(limits[0]))];

	set_impairment("PortSet", host->name, limit[0], limit[1]);
}

static void count_port(const struct end_host *host)
{
	must("PortSet", "name %s count %s", host->name, ctl_count_modes[dice(CTL_COUNT_ALL + 1)]);
}

/* What a shaper has goes on as fast as it can. */
static void end_limits(void)
{
	for (unsigned i = 0; i < N_FIXED; i++)
		for (unsigned k = 0; k < sizeof(no_limits) / sizeof(no_limits[0]); k++)
			set_impairment("PortSet", hosts[i].name, no_limits[k][0], no_limits[k][1]);
	for (unsigned i = 0; i < N_FIXED; i++)
		must("PortSet", "name %s count off", hosts[i].name);
}

static void change_switch(void)
{
	switch (dice(4)) {
	case 0:
		must("FdbFlush", "bridge br%u", dice(2));
		break;
	case 1:
		must("FdbFlush", "bridge br0 vlan %u", 10 + 10 * dice(2));
		break;
	case 2:
		must("BridgeSet", "name br%u ageing_s %u", dice(2), 1 + dice(300));
		break;
	default:
		must("BridgeSet", "name br%u fdb_max %u", dice(2), 2 + dice(1000));
	}
}

static void change_something(void)
{
	uint32_t kind = dice(8);

	counts.changed++;
	if (kind == 0)
		change_switch();
	else if (kind == 1)
		change_link(dice(N_LINKS));
	else
		change_bridged_port(&hosts[dice(FIRST_END)]);
}

/* One port comes or goes, one thing is configured otherwise, links are impaired in other ways, one
 * guest does something. */
static void tick(void)
{
	struct end_host *host = &hosts[N_FIXED + dice(N_ALL - N_FIXED)];

	if (host->fe)
		remove_port(host);
	else
		add_port(host);
	change_something();
	for (unsigned i = 0; i < N_LINKS; i++)
		impair_link(i);
	impair_port(&hosts[dice(N_FIXED)]);
	for (unsigned i = 0; i < 3; i++)
		limit_port(&hosts[dice(N_FIXED)]);
	if (getenv("WEFT_CHURN_LOOK")) {
		count_port(&hosts[dice(N_FIXED)]);
		churn_look(hosts[dice(FIRST_END)].name, dice(UINT32_MAX));
	}
	change_peer(&hosts[dice(N_FIXED)]);
	if (end_host_fault())
		fail_msg("%s", end_host_fault());
}

static void churn(uint64_t duration_ns)
{
	uint64_t start = now_ns();

	for (uint64_t next = start; next < start + duration_ns; next += TICK_NS) {
		uint64_t now = now_ns();

		if (now < next)
			usleep((unsigned)((next - now) / 1000));
		tick();
	}
}

/* Each fixed host sent something and got something. */
static void wait_until_heard(void)
{
	for (unsigned i = 0, tries = 0; i < N_FIXED; tries++) {
		pthread_mutex_lock(&hosts[i].lock);
		bool heard = hosts[i].n_sent && hosts[i].n_got;
		pthread_mutex_unlock(&hosts[i].lock);
		if (heard) {
			i++;
			continue;
		}
		if (tries >= WAIT_MS)
			fail_msg("the guest at port '%s' hears nothing", hosts[i].name);
		usleep(1000);
	}
}

static struct ctl_switch totals(void)
{
	const struct ctl_empty empty = {0};
	struct ctl_switch sum;

	assert_int_equal(ctl_client_call(proc.client, "SwitchShow", &empty, &sum, NULL), 0);
	return sum;
}

/* What links and ports hold leaves when it is due, and then they hold nothing, whatever comes. */
static void end_impairments(void)
{
	char name[16];

	for (unsigned i = 0; i < N_FIXED; i++) {
		set_impairment("PortSet", hosts[i].name, "in", no_impairment);
		set_impairment("PortSet", hosts[i].name, "out", no_impairment);
	}
	for (unsigned i = 0; i < N_LINKS; i++) {
		if (!has_link[i])
			continue;
		(void)snprintf(name, sizeof(name), "w%u", i);
		set_impairment("LinkSet", name, "a_to_b", no_impairment);
		set_impairment("LinkSet", name, "b_to_a", no_impairment);
	}
	for (unsigned tries = 0; totals().held; tries++) {
		if (tries >= WAIT_MS)
			fail_msg("%llu frames stay held", (unsigned long long)totals().held);
		usleep(1000);
	}
}

/* Every fixed port connected, enabled and where it belongs, every guest awake, no other port; then
 * everybody hears somebody. */
static void calm_down(void)
{
	/* One for both ports that may be at any: else they would not meet. */
	const char *any = any_bridge();

	/* First: a storm may disable a port. */
	end_limits();
	churn_look_end(false);
	for (unsigned i = N_FIXED; i < N_ALL; i++) {
		if (hosts[i].fe)
			remove_port(&hosts[i]);
	}
	for (unsigned i = 0; i < N_FIXED; i++) {
		if (i < FIRST_END)
			must("PortSet", "name %s enabled true mtu 9216 bridge %s", hosts[i].name,
				bridge_of(hosts[i].domain, any));
		pthread_mutex_lock(&hosts[i].lock);
		hosts[i].reads = true;
		pthread_mutex_unlock(&hosts[i].lock);
		enable_rings(&hosts[i], true);
		switch_wait_port(&proc, hosts[i].name, CTL_CONN_RUNNING);
	}
	end_impairments();
	for (unsigned i = 0; i < N_LINKS; i++) {
		if (!has_link[i])
			add_link(i);
		must("LinkSet", "name w%u enabled true mtu 9216", i);
	}
	wait_until_heard();
}

/* ---- Accounts -------------------------------------------------------------------------------- */

/* What the process holds: open files but kick and call of rings and listeners, and KiB of memory of
 * its own. */
struct held {
	unsigned fds, rss_kib;
	unsigned by_kind[8]; /* all open files, by what the link of each begins with */
};

static const char *const kinds[8] = {"socket:", "anon_inode:[eventfd]", "anon_inode:[timerfd]",
	"anon_inode:[eventpoll]", "anon_inode:[io_uring]", "/memfd:", "/", ""};

static unsigned kind_of(int dir, const char *fd)
{
	char link[256] = "";
	unsigned kind = 0;

	(void)!readlinkat(dir, fd, link, sizeof(link) - 1);
	while (strncmp(link, kinds[kind], strlen(kinds[kind])) != 0)
		kind++;
	return kind;
}

static void print_held(const char *when, const struct held *held)
{
	print_message("%s: %u open files beyond those of peers, %u KiB;", when, held->fds,
		held->rss_kib);
	for (unsigned i = 0; i < 8; i++)
		print_message(" %s%u", kinds[i][0] ? kinds[i] : "other:", held->by_kind[i]);
	print_message("\n");
}

static struct held held_now(void)
{
	char path[64], line[128];
	struct held held = {0};
	FILE *status;
	DIR *fds;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", proc.pid);
	fds = opendir(path);
	assert_non_null(fds);
	for (struct dirent *entry; (entry = readdir(fds)) != NULL; held.fds++)
		held.by_kind[kind_of(dirfd(fds), entry->d_name)]++;
	(void)closedir(fds);
	for (unsigned i = 0; i < N_ALL; i++) {
		if (!hosts[i].fe)
			continue;
		held.fds -= 4 * hosts[i].n_queues;
		/* Both port types have a timer and a connection; one has a listener, too. */
		held.fds -= !listens(&hosts[i]);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/status", proc.pid);
	status = fopen(path, "r");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		(void)sscanf(line, "RssAnon: %u kB", &held.rss_kib);
	(void)fclose(status);
	assert_true(held.rss_kib > 0);
	return held;
}

/* What is freed a little later is: nothing has become less for two seconds. Where the machine is
 * too busy for that, more may be left behind unseen. */
static struct held held_when_settled(void)
{
	struct held least = held_now();

	for (unsigned same = 0, tries = 0; same < 20 && tries < WAIT_MS / 100; same++, tries++) {
		struct held now;

		usleep(100000);
		now = held_now();
		if (now.fds < least.fds || now.rss_kib < least.rss_kib) {
			least = now;
			same = 0;
		}
	}
	return least;
}

/* Readers have nothing left. */
static void wait_until_read(void)
{
	struct ctl_switch sum = totals();
	uint64_t got = 0;

	for (unsigned tries = 0; tries < WAIT_MS && got != sum.tx_frames; tries++) {
		usleep(1000);
		got = 0;
		for (unsigned i = 0; i < N_ALL; i++) {
			pthread_mutex_lock(&hosts[i].lock);
			got += hosts[i].n_got;
			pthread_mutex_unlock(&hosts[i].lock);
		}
	}
}

static void stop_senders(void)
{
	unsigned pending = 1;

	for (unsigned i = 0; i < N_FIXED; i++) {
		pthread_mutex_lock(&hosts[i].lock);
		hosts[i].sends = false;
		pthread_mutex_unlock(&hosts[i].lock);
	}
	for (unsigned tries = 0; pending; tries++) {
		if (tries >= WAIT_MS)
			fail_msg("%u frames stay in their rings", pending);
		usleep(1000);
		pending = 0;
		for (unsigned i = 0; i < N_FIXED; i++) {
			pthread_mutex_lock(&hosts[i].lock);
			pending += end_host_pending(&hosts[i]);
			pthread_mutex_unlock(&hosts[i].lock);
		}
	}
	wait_until_read();
}

static int add_drops(void *ctx, const void *row)
{
	const struct ctl_drop *drop = row;
	uint64_t *sum = ctx;

	assert_true(drop->reason[0] && drop->frames);
	*sum += drop->frames;
	return 0;
}

static void check_port(const struct end_host *host)
{
	char words[64];
	struct ctl_port_stats row;
	struct ctl_ref ref = {0};
	uint64_t named = 0;

	(void)snprintf(words, sizeof(words), "name %s", host->name);
	assert_int_equal(switch_rows(&proc, "PortStats", words, &row), 1);
	if (row.rx_frames != host->n_sent || row.tx_frames != host->n_got)
		fail_msg("port '%s' counted %llu in, %llu out; its guest sent %llu and got %llu",
			host->name, (unsigned long long)row.rx_frames,
			(unsigned long long)row.tx_frames, (unsigned long long)host->n_sent,
			(unsigned long long)host->n_got);
	CTL_SET_STR(&ref, ctl_ref, name, host->name);
	assert_int_equal(ctl_client_rows(proc.client, "PortDrops", &ref, add_drops, &named, NULL),
		0);
	assert_int_equal(named, row.rx_dropped + row.tx_dropped);
}

static void check_frames(double seconds)
{
	uint64_t sent = 0, got = 0;
	struct ctl_switch sum = totals();

	for (unsigned i = 0; i < N_ALL; i++) {
		sent += hosts[i].n_sent;
		got += hosts[i].n_got;
		if (i < N_FIXED)
			check_port(&hosts[i]);
	}
	print_message("%u ports added, %u removed, %u changes, %u impairments, %u guests; %s; "
		      "%llu frames "
		      "(%.0f/s) + %llu copies = %llu delivered + %llu dropped\n",
		counts.added, counts.removed, counts.changed, counts.impaired, counts.peers,
		churn_look_counts(), (unsigned long long)sum.rx_frames,
		(double)sum.rx_frames / seconds, (unsigned long long)sum.copies,
		(unsigned long long)sum.tx_frames, (unsigned long long)sum.dropped);
	assert_int_equal(sum.rx_frames, sent);
	assert_int_equal(sum.tx_frames, got);
	assert_int_equal(sum.held, 0);
	assert_int_equal(sum.rx_frames + sum.copies, sum.tx_frames + sum.dropped);
	for (unsigned i = 0; i < N_FIXED; i++) {
		if (!hosts[i].n_sent || !hosts[i].n_got)
			fail_msg("the guest at port '%s' sent %llu frames and got %llu",
				hosts[i].name, (unsigned long long)hosts[i].n_sent,
				(unsigned long long)hosts[i].n_got);
	}
}

static int check_address(void *ctx, const void *row)
{
	const struct ctl_fdb *entry = row;
	const uint8_t *mac = entry->mac.bytes;
	const struct end_host *host = &hosts[mac[5] < N_ALL ? mac[5] : 0];
	unsigned *n = ctx;

	if (mac[0] != 2 || mac[5] >= N_FIXED || mac[4] != host->domain ||
		entry->vlan != host->vid || strcmp(entry->port, host->name) != 0)
		fail_msg("address ..:%02x:%02x learned at '%s' in VLAN %u of %s", mac[4], mac[5],
			entry->port, entry->vlan, entry->bridge);
	++*n;
	return 0;
}

static void check_addresses(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct ctl_fdb filter = {0};
		struct err err = {0};

		CTL_SET_STR(&filter, ctl_fdb, bridge, i ? "br1" : "br0");
		assert_int_equal(ctl_client_rows(proc.client, "FdbShow", &filter, check_address, &n,
					 &err),
			0);
	}
	assert_true(n > 0);
}

/* ---- The test -------------------------------------------------------------------------------- */

static void show_log(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "tail -n 60 %s", switch_proc_path(&proc, "log"));
	(void)!system(command);
}

static uint64_t environment_number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : fallback;
}

static void make_switch(unsigned workers)
{
	proc.workers = workers > 1 ? "0,1" : NULL;
	switch_proc_start(&proc, true);
	must("BridgeAdd", "name br0 reserved drop");
	must("BridgeAdd", "name br1 reserved drop vlans 10,30");
	counts = (struct change_counts){0};
	memset(has_link, 0, sizeof(has_link));
	memset(hosts, 0, sizeof(hosts));
	for (unsigned i = 0; i < N_ALL; i++) {
		pthread_mutex_init(&hosts[i].lock, NULL);
		hosts[i].id = (uint8_t)i;
		hosts[i].hears_anything = i >= FIRST_END + 2 * DAMAGING && i < N_FIXED;
		(void)snprintf(hosts[i].name, sizeof(hosts[i].name), "s%u", i);
		if (i < N_FIXED)
			add_port(&hosts[i]);
	}
	if (getenv("WEFT_CHURN_LOOK"))
		churn_look_begin(&proc, (const char *const[]){hosts[0].name, hosts[1].name});
}

static void every_frame_is_accounted_for(unsigned workers)
{
	uint64_t seconds = environment_number("WEFT_CHURN_SECONDS", 5), start;
	uint64_t seed = environment_number("WEFT_CHURN_SEED", now_ns() & 0xffffff);
	unsigned growth_max_kib = GROWTH_MAX_KIB + (getenv("WEFT_CHURN_LOOK") ? LOOK_MAX_KIB : 0);
	struct held before, after;
	int status;

	if (environment_number("WEFT_CHURN_WORKERS", workers) != workers)
		skip();
	print_message("%u workers, WEFT_CHURN_SEED=%llu\n", workers, (unsigned long long)seed);
	rng = seed;
	make_switch(workers);
	start = now_ns();
	load_start(~seed);
	churn(2000000000);
	calm_down();
	before = held_when_settled();
	churn(seconds * 1000000000);
	calm_down();
	after = held_now();
	/* What peers sent is closed in threads of their ports, a little later, and what held frames
	 * goes within a second. */
	for (unsigned tries = 0;
		(after.fds > before.fds || after.rss_kib >= before.rss_kib + growth_max_kib) &&
		tries < WAIT_MS;
		tries++) {
		usleep(1000);
		after = held_now();
	}
	stop_senders();
	load_stop();
	check_frames((double)(now_ns() - start) / 1e9);
	check_addresses();
	assert_null(end_host_fault());
	print_held("before", &before);
	print_held("after", &after);
	assert_true(after.fds <= before.fds);
	assert_true(after.rss_kib < before.rss_kib + growth_max_kib);
	status = switch_proc_stop(&proc, SIGTERM);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void one_worker(void **state)
{
	every_frame_is_accounted_for(1);
}

static void two_workers(void **state)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	every_frame_is_accounted_for(2);
}

static int tear_down(void **state)
{
	load_stop();
	if (proc.pid || end_host_fault())
		show_log(); /* it failed */
	churn_look_end(true);
	switch_proc_destroy(&proc);
	for (unsigned i = 0; i < N_ALL; i++)
		fe_destroy(hosts[i].fe);
	memset(hosts, 0, sizeof(hosts));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_worker, tear_down),
		cmocka_unit_test_teardown(two_workers, tear_down),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
