#include "ping.h"

#include "ctl_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int ping_handle(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	return 0;
}

void ping_create(struct ping *ping, struct ev *ev, const char *path)
{
	static const struct ctl_method methods[] = {{"Ping", CTL_READ, CTL_STABLE, CTL_ONE,
		&ctl_empty_schema, &ctl_empty_schema, "answers"}};
	static const struct ctl_interface iface = {
		.name = "net.weft.test", .help = "", .methods = methods, .n_methods = 1};
	static const struct ctl_handler handlers[] = {{"Ping", ping_handle}};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(ctl_server_create(ev, path, &iface, handlers, 1, NULL, &ping->server,
				 NULL),
		0);
	ping->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ping->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

void ping_destroy(struct ping *ping)
{
	(void)close(ping->fd);
	ctl_server_destroy(ping->server);
}

void ping_ask(struct ping *ping)
{
	static const char request[] = "{\"method\":\"net.weft.test.Ping\"}";

	assert_int_equal(write(ping->fd, request, sizeof(request)), sizeof(request));
}

bool ping_is_answered(struct ping *ping)
{
	char reply[256];

	return read(ping->fd, reply, sizeof(reply)) > 0;
}
