#include "sflow_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static int parse_port(const char *text, in_port_t *ret_port)
{
	unsigned port = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		port = port * 10 + (unsigned)(*text - '0');
	}
	if (!port || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

static int parse_target(const char *text, struct sflow_target *ret)
{
	char host[sizeof(((struct ctl_sflow *)0)->collector)];
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	*ret = (struct sflow_target){0};
	if (!len || len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		ret->address.in6.sin6_family = AF_INET6;
		ret->len = sizeof(ret->address.in6);
		if (inet_pton(AF_INET6, host + 1, &ret->address.in6.sin6_addr) != 1)
			return -EINVAL;
		return parse_port(colon + 1, &ret->address.in6.sin6_port);
	}
	ret->address.in.sin_family = AF_INET;
	ret->len = sizeof(ret->address.in);
	if (inet_pton(AF_INET, host, &ret->address.in.sin_addr) != 1)
		return -EINVAL;
	return parse_port(colon + 1, &ret->address.in.sin_port);
}

static int parse_agent(const char *text, struct sflow_agent *ret)
{
	*ret = (struct sflow_agent){0};
	if (inet_pton(AF_INET, text, ret->address) == 1)
		return 0;
	ret->is_ipv6 = inet_pton(AF_INET6, text, ret->address) == 1;
	return ret->is_ipv6 ? 0 : -EINVAL;
}

int sflow_check(const struct ctl_sflow *s, struct sflow_target *ret_target,
	struct sflow_agent *ret_agent, struct err *err)
{
	*ret_target = (struct sflow_target){0};
	*ret_agent = (struct sflow_agent){0};
	if (s->collector[0] && parse_target(s->collector, ret_target) < 0) {
		(void)err_set_field(err, -EINVAL, "collector",
			"sflow: collector '%s' is no address and port", s->collector);
		err_hint(err, "as 192.0.2.1:6343 or [2001:db8::1]:6343");
		return -EINVAL;
	}
	if (s->agent[0] && parse_agent(s->agent, ret_agent) < 0) {
		(void)err_set_field(err, -EINVAL, "agent", "sflow: agent '%s' is no address",
			s->agent);
		err_hint(err, "as 192.0.2.2 or 2001:db8::2");
		return -EINVAL;
	}
	if (ret_target->len || (!s->rate && !s->poll))
		return 0;
	(void)err_set_field(err, -EINVAL, "collector", "sflow: %s %u needs a collector",
		s->rate ? "rate" : "poll", s->rate ? s->rate : s->poll);
	err_hint(err, "say where datagrams go, as collector 192.0.2.1:6343");
	return -EINVAL;
}
