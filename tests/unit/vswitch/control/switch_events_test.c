/* What a switch reports of what frames do: addresses that move, and those that find no room. */
#include "switch_rig.h"

#include "ctl_json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define MAC UINT64_C(0x525400000001)

static int listen_in(void)
{
	static const char request[] = "{\"method\":\"net.weft.vswitch.Monitor\",\"more\":true}";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig.control_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
	while (rig.sw->monitor.n_readers == 0)
		rig_turn();
	return fd;
}

/* The next event of that object. */
static struct ctl_event hear(int fd, const char *object)
{
	struct ctl_event event;
	struct err err = {0};

	do {
		char text[4096];
		size_t len = 0;
		json_t *json;

		do {
			while (recv(fd, text + len, 1, MSG_DONTWAIT) != 1)
				rig_turn();
			assert_true(len < sizeof(text) - 1);
		} while (text[len++]);
		json = json_loads(text, 0, NULL);
		if (ctl_json_decode(&ctl_event_schema, json_object_get(json, "parameters"), false,
			    &event, &err) < 0)
			fail_msg("%s: %s", text, err.msg);
		json_decref(json);
	} while (strcmp(event.object, object) != 0);
	return event;
}

static void a_moved_address_is_reported_with_both_ports(void **state)
{
	struct ctl_event event;
	int fd;

	two_ports();
	fd = listen_in();
	learn("a", 10, MAC);
	learn("a", 10, MAC); /* where it is already */
	learn("b", 10, MAC);
	event = hear(fd, "fdb");
	assert_string_equal(event.name, "br0");
	assert_string_equal(event.event, "moved");
	assert_int_equal(ether_addr_to_u64(&event.mac), MAC);
	assert_int_equal(event.vlan, 10);
	assert_string_equal(event.from, "a");
	assert_string_equal(event.port, "b");
	learn("a", 10, MAC);
	event = hear(fd, "fdb");
	assert_string_equal(event.from, "b");
	assert_string_equal(event.port, "a");
	(void)close(fd);
}

static void a_reached_limit_is_reported_once_a_second(void **state)
{
	struct ctl_event event;
	uint64_t seq;
	int fd;

	two_ports();
	must("PortSet", "name a fdb_max 1");
	fd = listen_in();
	/* All before the second's end is looked for. */
	for (unsigned i = 0; i < 10; i++)
		fake_learn_event(&(struct learn_event){
			MAC + i, 10, port_of("a")->id, port_of("a")->bridge->id});
	event = hear(fd, "port");
	assert_string_equal(event.name, "a");
	assert_string_equal(event.event, "address-limit");
	seq = event.seq;
	learn("b", 10, MAC);
	event = hear(fd, "fdb");
	assert_int_equal(event.seq, seq + 1);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_moved_address_is_reported_with_both_ports,
			rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(a_reached_limit_is_reported_once_a_second,
			rig_set_up, rig_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
