#include "stream_json.h"

#include "err.h"
#include "ether.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads a value of some kind, text or number. */
typedef bool value_fn(const json_t *value, uint64_t *ret_number);

static bool read_mac(const json_t *value, uint64_t *ret_number)
{
	struct ether_addr48 mac;

	if (!json_is_string(value) || ether_addr_parse(json_string_value(value), &mac))
		return false;
	*ret_number = ether_addr_to_u64(&mac);
	return true;
}

static bool read_ip(const json_t *value, uint64_t *ret_number)
{
	struct in_addr addr;

	if (!json_is_string(value) || inet_pton(AF_INET, json_string_value(value), &addr) != 1)
		return false;
	*ret_number = ntohl(addr.s_addr);
	return true;
}

static bool read_number(const json_t *value, uint64_t *ret_number)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret_number = (uint64_t)json_integer_value(value);
	return true;
}

struct reader {
	const struct engine *engine;
	unsigned id;
	struct err *err;
};

static int refuse(const struct reader *reader, const char *key, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	(void)err_set(reader->err, -EINVAL, "stream %u: %s: %.60s is not understood", reader->id,
		key, text ? text : "the value");
	free(text);
	return -EINVAL;
}

static int get_number(const struct reader *reader, const json_t *object, const char *key,
	uint64_t max, uint64_t *ret_number)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!read_number(value, ret_number) || *ret_number > max)
		return refuse(reader, key, value);
	return 0;
}

/* Members of object that are not in known, which is space-separated. */
static int check_members(const struct reader *reader, const json_t *object, const char *known)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const char *at = strstr(known, key);
		size_t len = strlen(key);

		while (at && !((at == known || at[-1] == ' ') && (at[len] == ' ' || !at[len])))
			at = strstr(at + 1, key);
		if (at && len)
			continue;
		(void)err_set(reader->err, -EINVAL, "stream %u: member '%.40s' is unknown",
			reader->id, key);
		err_hint(reader->err, "known here: %s", known);
		return -EINVAL;
	}
	return 0;
}

static int get_range(const struct reader *reader, const json_t *object, const char *key,
	value_fn *read, struct range *range)
{
	const json_t *value = json_object_get(object, key), *mode;
	uint64_t count = 1;

	if (!value)
		return 0;
	*range = (struct range){.count = 1};
	if (read(value, &range->first))
		return 0;
	if (!json_is_object(value) || !read(json_object_get(value, "first"), &range->first) ||
		get_number(reader, value, "count", STREAM_MAX_COUNT, &count) || !count)
		return refuse(reader, key, value);
	int r = check_members(reader, value, "first count mode");
	if (r)
		return r;
	range->count = (uint32_t)count;
	mode = json_object_get(value, "mode");
	if (!mode)
		return 0;
	range->random = json_is_string(mode) && !strcmp(json_string_value(mode), "random");
	if (!range->random && !(json_is_string(mode) && !strcmp(json_string_value(mode), "inc")))
		return refuse(reader, key, value);
	return 0;
}

static int find_port(const struct reader *reader, const json_t *value, const char *key)
{
	int port;

	if (!json_is_string(value))
		return value ? refuse(reader, key, value)
			     : err_set(reader->err, -EINVAL, "stream %u: %s is missing", reader->id,
				       key);
	port = engine_find_port(reader->engine, json_string_value(value));
	if (port < 0)
		return err_set(reader->err, -EINVAL, "stream %u: %s: there is no port '%.40s'",
			reader->id, key, json_string_value(value));
	return port;
}

static int get_ports(const struct reader *reader, const json_t *object, struct stream *stream)
{
	const json_t *to = json_object_get(object, "to");
	int port = find_port(reader, json_object_get(object, "from"), "from");
	size_t n = json_is_array(to) ? json_array_size(to) : to ? 1 : 0;

	if (port < 0)
		return port;
	stream->from = (uint16_t)port;
	if (n > ENGINE_MAX_PORTS)
		return refuse(reader, "to", to);
	stream->to = calloc(n ? n : 1, sizeof(*stream->to));
	if (!stream->to)
		return err_set(reader->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		port = find_port(reader, json_is_array(to) ? json_array_get(to, i) : to, "to");
		if (port < 0)
			return port;
		for (unsigned j = 0; j < stream->n_to; j++)
			if (stream->to[j] == port)
				return refuse(reader, "to", to);
		stream->to[stream->n_to++] = (uint16_t)port;
	}
	return 0;
}

static int get_rate(const struct reader *reader, const json_t *object, struct stream *stream)
{
	const json_t *rate = json_object_get(object, "rate"),
		     *line = json_object_get(object, "line");

	if (json_is_number(rate) && json_number_value(rate) > 0)
		stream->rate = (struct rate){RATE_PPS, json_number_value(rate)};
	else if (rate &&
		 (!json_is_string(rate) || rate_parse(json_string_value(rate), &stream->rate))) {
		(void)refuse(reader, "rate", rate);
		err_hint(reader->err, "100kpps, 1Gbps, 1GbpsL1, 10%% or max");
		return -EINVAL;
	}
	if (line && (!json_is_string(line) ||
			    rate_parse_line(json_string_value(line), &stream->line_bps)))
		return refuse(reader, "line", line);
	return 0;
}

static int get_sizes(const struct reader *reader, const json_t *object, struct stream *stream)
{
	const json_t *size = json_object_get(object, "size");
	const uint64_t max = PORT_FRAME_MAX + STREAM_FCS;
	uint64_t from = 0, to = 0;

	if (!size)
		return 0;
	if (json_is_string(size) && !strcmp(json_string_value(size), "imix")) {
		stream_set_imix(stream);
		return 0;
	}
	if (json_is_object(size)) {
		if (get_number(reader, size, "from", max, &from) ||
			get_number(reader, size, "to", max, &to) || !from || !to)
			return refuse(reader, "size", size);
		stream->n_sizes = 0;
		stream->size_from = (uint16_t)from;
		stream->size_to = (uint16_t)to;
		return check_members(reader, size, "from to");
	}
	size_t n = json_is_array(size) ? json_array_size(size) : 1;
	if (!n || n > STREAM_MAX_SIZES)
		return refuse(reader, "size", size);
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_is_array(size) ? json_array_get(size, i) : size;

		if (!read_number(value, &from) || from > max)
			return refuse(reader, "size", size);
		stream->sizes[i] = (uint16_t)from;
	}
	stream->n_sizes = (uint32_t)n;
	return 0;
}

static int get_tag(const struct reader *reader, const json_t *object, struct stream_tag *tag)
{
	uint64_t pcp = 0;
	const json_t *tpid = json_object_get(object, "tpid");
	int r = check_members(reader, object, "tpid pcp vid");

	if (!r)
		r = get_range(reader, object, "vid", read_number, &tag->vid);
	if (!r)
		r = get_number(reader, object, "pcp", 7, &pcp);
	if (r)
		return r;
	tag->pcp = (uint8_t)pcp;
	if (!tpid)
		return 0;
	unsigned long type = json_is_string(tpid) ? strtoul(json_string_value(tpid), NULL, 0) : 0;
	if (type < 0x600 || type > UINT16_MAX)
		return refuse(reader, "tpid", tpid);
	tag->tpid = (uint16_t)type;
	return 0;
}

static int get_tags(const struct reader *reader, const json_t *object, struct stream *stream)
{
	const json_t *vlan = json_object_get(object, "vlan");
	const struct stream_tag plain = {ETHER_TYPE_VLAN, 0, {VLAN_MIN, 1, false}};
	int r = 0;

	if (!vlan)
		return 0;
	if (!json_is_array(vlan)) {
		stream->tags[0] = plain;
		stream->n_tags = 1;
		return get_range(reader, object, "vlan", read_number, &stream->tags[0].vid);
	}
	if (json_array_size(vlan) > STREAM_MAX_TAGS)
		return refuse(reader, "vlan", vlan);
	for (size_t i = 0; !r && i < json_array_size(vlan); i++) {
		struct stream_tag *tag = &stream->tags[stream->n_tags++];

		*tag = plain;
		/* The outer ones are a provider's. */
		if (i + 1 < json_array_size(vlan))
			tag->tpid = ETHER_TYPE_QINQ;
		r = get_tag(reader, json_array_get(vlan, i), tag);
	}
	return r;
}

static int get_ip(const struct reader *reader, const json_t *object, struct stream *stream)
{
	const json_t *ip = json_object_get(object, "ip"), *udp = json_object_get(object, "udp");
	uint64_t ttl = stream->ttl, dscp = 0;
	int r = 0;

	stream->ip = ip || udp;
	stream->udp = udp != NULL;
	if (ip) {
		r = check_members(reader, ip, "src dst ttl dscp");
		if (!r)
			r = get_range(reader, ip, "src", read_ip, &stream->ip_src);
		if (!r)
			r = get_range(reader, ip, "dst", read_ip, &stream->ip_dst);
		if (!r)
			r = get_number(reader, ip, "ttl", 255, &ttl);
		if (!r)
			r = get_number(reader, ip, "dscp", 63, &dscp);
		stream->ttl = (uint8_t)ttl;
		stream->tos = (uint8_t)(dscp << 2);
	}
	if (!r && udp) {
		r = check_members(reader, udp, "src dst");
		if (!r)
			r = get_range(reader, udp, "src", read_number, &stream->udp_src);
		if (!r)
			r = get_range(reader, udp, "dst", read_number, &stream->udp_dst);
	}
	return r;
}

static int get_vxlan(const struct reader *reader, const json_t *object, struct stream *stream)
{
	const json_t *vxlan = json_object_get(object, "vxlan");
	struct range src = {0x0a640001, 1, false}, dst = {0x0a640002, 1, false};
	struct range src_mac = {0x020000000101, 1, false}, dst_mac = {0x020000000102, 1, false};
	uint64_t vni = 1;
	int r = 0;

	if (!vxlan)
		return 0;
	r = check_members(reader, vxlan, "vni src dst src_mac dst_mac");
	if (!r)
		r = get_number(reader, vxlan, "vni", 0xffffff, &vni);
	if (!r)
		r = get_range(reader, vxlan, "src", read_ip, &src);
	if (!r)
		r = get_range(reader, vxlan, "dst", read_ip, &dst);
	if (!r)
		r = get_range(reader, vxlan, "src_mac", read_mac, &src_mac);
	if (!r)
		r = get_range(reader, vxlan, "dst_mac", read_mac, &dst_mac);
	stream->vxlan = (struct stream_vxlan){true, (uint32_t)vni, (uint32_t)src.first,
		(uint32_t)dst.first, src_mac.first, dst_mac.first};
	return r;
}

static int get_all(const struct reader *reader, const json_t *object, struct stream *stream)
{
	uint64_t burst = stream->burst, window = 0;
	int r = check_members(reader, object,
		"id from to rate line size burst window count dst src vlan ip udp vxlan");

	if (!r)
		r = get_ports(reader, object, stream);
	if (!r)
		r = get_rate(reader, object, stream);
	if (!r)
		r = get_sizes(reader, object, stream);
	if (!r)
		r = get_number(reader, object, "burst", UINT32_MAX, &burst);
	if (!r)
		r = get_number(reader, object, "window", UINT32_MAX, &window);
	stream->burst = (uint32_t)burst;
	stream->window = (uint32_t)window;
	if (!r)
		r = get_number(reader, object, "count", INT64_MAX, &stream->count);
	if (!r)
		r = get_range(reader, object, "dst", read_mac, &stream->dst);
	if (!r)
		r = get_range(reader, object, "src", read_mac, &stream->src);
	if (!r)
		r = get_tags(reader, object, stream);
	if (!r)
		r = get_ip(reader, object, stream);
	return r ? r : get_vxlan(reader, object, stream);
}

int stream_from_json(const json_t *object, const struct engine *engine, struct stream *ret_stream,
	struct err *err)
{
	struct reader reader = {engine, 0, err};
	uint64_t id = 1;

	if (!json_is_object(object))
		return err_set(err, -EINVAL, "a stream is not an object");
	stream_init(ret_stream);
	if (get_number(&reader, object, "id", UINT16_MAX, &id) || !id)
		return err_set(err, -EINVAL, "a stream's id is not in 1..65535");
	ret_stream->id = (uint16_t)id;
	reader.id = (unsigned)id;
	int r = get_all(&reader, object, ret_stream);
	if (r)
		stream_done(ret_stream);
	return r;
}
