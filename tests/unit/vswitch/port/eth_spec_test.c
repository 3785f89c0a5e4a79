/* Settings of ports in DPDK's words. */
#include "eth_spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static struct eth_spec spec_of(const struct ctl_port *conf, uint16_t n_queues)
{
	struct eth_spec spec;
	struct err err = {0};

	assert_int_equal(eth_spec_of(conf, 7, n_queues, &spec, &err), 0);
	return spec;
}

static void types_become_devargs(void **state)
{
	static const struct {
		struct ctl_port conf;
		const char *name, *devargs;
	} cases[] = {
		{{.type = CTL_PORT_AF_XDP, .dev = "eth0"}, "net_af_xdp7",
			"net_af_xdp7,iface=eth0,start_queue=0,queue_count=2,busy_budget=0"},
		{{.type = CTL_PORT_PCAP, .rx_file = "/a"}, "net_pcap7", "net_pcap7,rx_pcap=/a"},
		{{.type = CTL_PORT_PCAP, .tx_file = "/b", .loop = true}, "net_pcap7",
			"net_pcap7,tx_pcap=/b"},
		{{.type = CTL_PORT_PCAP, .rx_file = "/a", .tx_file = "/b", .loop = true},
			"net_pcap7", "net_pcap7,rx_pcap=/a,tx_pcap=/b,infinite_rx=1"},
		{{.type = CTL_PORT_MEMIF, .path = "/s", .mode = CTL_SOCK_CLIENT, .memif_id = 3},
			"net_memif7",
			"net_memif7,role=client,id=3,rsize=10,socket-abstract=no,socket=/s"},
		{{.type = CTL_PORT_MEMIF, .path = "/s", .mode = CTL_SOCK_SERVER}, "net_memif7",
			"net_memif7,role=server,id=0,rsize=10,socket-abstract=no,socket=/s"},
		{{.type = CTL_PORT_NIC, .dev = "0000:03:00.0"}, "0000:03:00.0", "0000:03:00.0"},
		{{.type = CTL_PORT_DPDK, .devargs = "net_null0,size=64"}, "net_null0",
			"net_null0,size=64"},
		{{.type = CTL_PORT_DPDK, .devargs = "net_null0"}, "net_null0", "net_null0"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct eth_spec spec = spec_of(&cases[i].conf, 2);

		assert_string_equal(spec.name, cases[i].name);
		assert_string_equal(spec.devargs, cases[i].devargs);
	}
}

static void link_of_an_interface_is_the_ports(void **state)
{
	const struct ctl_port xdp = {.type = CTL_PORT_AF_XDP, .dev = "eth0"};
	const struct ctl_port nic = {.type = CTL_PORT_NIC, .dev = "0000:03:00.0"};

	assert_string_equal(spec_of(&xdp, 1).ifname, "eth0");
	assert_null(spec_of(&nic, 1).ifname);
}

/* A value that DPDK would take for more arguments must not get to it. */
static void values_cannot_add_arguments(void **state)
{
	const struct ctl_port cases[] = {
		{.type = CTL_PORT_AF_XDP, .dev = "eth0,xdp_prog=x"},
		{.type = CTL_PORT_PCAP, .rx_file = "/a,iface=eth0"},
		{.type = CTL_PORT_PCAP, .tx_file = "/a[1]"},
		{.type = CTL_PORT_MEMIF, .path = "/s,secret=x"},
	};
	const char *const fields[] = {"dev", "rx_file", "tx_file", "path"};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct eth_spec spec;
		struct err err = {0};

		assert_int_equal(eth_spec_of(&cases[i], 0, 1, &spec, &err), -EINVAL);
		assert_string_equal(err.field, fields[i]);
	}
}

static void longest_values_fit(void **state)
{
	struct ctl_port conf = {.type = CTL_PORT_PCAP, .loop = true};
	struct eth_spec spec;

	memset(conf.rx_file, 'r', CTL_FILE_MAX);
	memset(conf.tx_file, 't', CTL_FILE_MAX);
	spec = spec_of(&conf, 1);
	assert_non_null(strstr(spec.devargs, ",infinite_rx=1"));
}

static void other_types_have_no_device(void **state)
{
	const struct ctl_port conf = {.type = CTL_PORT_TAP};
	struct eth_spec spec;
	struct err err = {0};

	assert_int_equal(eth_spec_of(&conf, 0, 1, &spec, &err), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_become_devargs),
		cmocka_unit_test(link_of_an_interface_is_the_ports),
		cmocka_unit_test(values_cannot_add_arguments),
		cmocka_unit_test(longest_values_fit),
		cmocka_unit_test(other_types_have_no_device),
	};

	return cmocka_run_group_tests_name("eth_spec", tests, NULL, NULL);
}
