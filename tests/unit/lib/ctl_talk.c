#include "ctl_talk.h"

#include "ctl_service.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

void pump(void)
{
	int n = 1;

	for (int i = 0; n > 0 && i < 100000; i++)
		n = ev_run_once(ctl_service.ev, 0);
	assert_int_equal(n, 0);
}

int dial_only(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl_service.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

int dial(void)
{
	int fd = dial_only();

	pump();
	return fd;
}

void say_bytes(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EPIPE)
			return;
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
		pump();
	}
	pump();
}

void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text) + 1);
}

const char *heard(int fd)
{
	static char text[1 << 20];
	size_t len = 0;
	ssize_t n;

	pump();
	while ((n = recv(fd, text + len, sizeof(text) - len - 4, 0)) > 0) {
		len += (size_t)n;
		pump();
	}
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			text[i] = '\n';
	}
	(void)strcpy(text + len, !n || errno == ECONNRESET ? "EOF" : "");
	return text;
}

void check_heard(int fd, const char *want)
{
	assert_string_equal(heard(fd), want);
}

void check_heard_part(int fd, const char *part)
{
	const char *text = heard(fd);

	if (!strstr(text, part))
		fail_msg("'%s' has no '%s'", text, part);
}

void check_served(void)
{
	int fd = dial();

	say(fd, ECHO(7));
	check_heard(fd, "{\"parameters\":{\"number\":7}}\n");
	(void)close(fd);
}
