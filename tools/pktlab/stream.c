#include "stream.h"

#include "err.h"
#include "ether.h"
#include "shape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LINE 10e9

static const struct range one_address[] = {{0x020000000001, 1, false}, {0x020000000002, 1, false}};

void stream_init(struct stream *stream)
{
	*stream = (struct stream){
		.id = 1,
		.rate = {RATE_PPS, 1000},
		.line_bps = DEFAULT_LINE,
		.burst = 32,
		.n_sizes = 1,
		.sizes = {STREAM_MIN_SIZE},
		.src = one_address[0],
		.dst = one_address[1],
		.ttl = 64,
		.ip_src = {0x0a000001, 1, false},
		.ip_dst = {0x0a000002, 1, false},
		.udp_src = {4096, 1, false},
		.udp_dst = {4097, 1, false},
	};
}

void stream_done(struct stream *stream)
{
	free(stream->to);
	stream->to = NULL;
}

void stream_set_imix(struct stream *stream)
{
	static const uint16_t mix[] = {64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 64, 570};

	stream->n_sizes = sizeof(mix) / sizeof(mix[0]);
	memcpy(stream->sizes, mix, sizeof(mix));
}

static double mean_size(const struct stream *stream)
{
	double sum = 0;

	if (!stream->n_sizes)
		return (stream->size_from + stream->size_to) / 2.0;
	for (unsigned i = 0; i < stream->n_sizes; i++)
		sum += stream->sizes[i];
	return sum / stream->n_sizes;
}

double stream_pps(const struct stream *stream)
{
	return rate_to_pps(&stream->rate, mean_size(stream), stream->line_bps);
}

/* Bytes of headers; a frame must hold them and its signature. */
static uint32_t header_len(const struct stream *stream)
{
	uint32_t len = ETHER_HDR_LEN + 4 * stream->n_tags;

	if (stream->ip)
		len += 20 + (stream->udp ? 8 : 0);
	if (stream->vxlan.on)
		len += ETHER_HDR_LEN + 20 + 8 + 8;
	return len;
}

static int check_sizes(const struct stream *stream, uint32_t frame_max, struct err *err)
{
	uint32_t min = STREAM_MIN_SIZE, max = frame_max + STREAM_FCS;
	uint32_t needed = header_len(stream) + SHAPE_SIGNATURE + STREAM_FCS;
	uint32_t low = stream->size_from, high = stream->size_to;

	for (unsigned i = 0; i < stream->n_sizes; i++) {
		if (!i || stream->sizes[i] < low)
			low = stream->sizes[i];
		if (!i || stream->sizes[i] > high)
			high = stream->sizes[i];
	}
	if (low > high)
		return err_set(err, -EINVAL, "stream %u: sizes run from %u down to %u", stream->id,
			low, high);
	if (needed > min)
		min = needed;
	if (low < min) {
		(void)err_set(err, -EINVAL, "stream %u: size %u is below %u", stream->id, low, min);
		if (min > STREAM_MIN_SIZE)
			err_hint(err, "its headers, the signature of %u bytes and the FCS take %u",
				SHAPE_SIGNATURE, needed);
		return -EINVAL;
	}
	if (high > max) {
		(void)err_set(err, -EINVAL, "stream %u: size %u is above %u", stream->id, high,
			max);
		err_hint(err, "open the port with mtu=%u", high - ETHER_HDR_LEN - STREAM_FCS);
		return -EINVAL;
	}
	return 0;
}

static int check_range(const struct stream *stream, const struct range *range, uint64_t max,
	const char *what, struct err *err)
{
	if (range->count < 1 || range->count > STREAM_MAX_COUNT)
		return err_set(err, -EINVAL, "stream %u: %s: count %u is not in 1..%u", stream->id,
			what, range->count, STREAM_MAX_COUNT);
	if (range->first > max || range->count - 1 > max - range->first)
		return err_set(err, -EINVAL,
			"stream %u: %s: %u values from %#llx on go beyond %#llx", stream->id, what,
			range->count, (unsigned long long)range->first, (unsigned long long)max);
	return 0;
}

int stream_check(const struct stream *stream, uint32_t frame_max, struct err *err)
{
	double pps = stream_pps(stream);
	int r = check_sizes(stream, frame_max, err);

	if (!r)
		r = check_range(stream, &stream->dst, 0xffffffffffff, "dst", err);
	if (!r)
		r = check_range(stream, &stream->src, 0xffffffffffff, "src", err);
	for (unsigned i = 0; !r && i < stream->n_tags; i++)
		r = check_range(stream, &stream->tags[i].vid, VLAN_MAX, "vlan", err);
	if (!r)
		r = check_range(stream, &stream->ip_src, UINT32_MAX, "ip src", err);
	if (!r)
		r = check_range(stream, &stream->ip_dst, UINT32_MAX, "ip dst", err);
	if (!r)
		r = check_range(stream, &stream->udp_src, UINT16_MAX, "udp src", err);
	if (!r)
		r = check_range(stream, &stream->udp_dst, UINT16_MAX, "udp dst", err);
	if (r)
		return r;
	if (stream->src.first >> 40 & 1)
		return err_set(err, -EINVAL, "stream %u: src is a group address", stream->id);
	if (stream->rate.unit != RATE_MAX && (pps < 1e-3 || pps > RATE_MAX_PPS))
		return err_set(err, -EINVAL,
			"stream %u: rate of %g frames a second is not in 0.001..%g", stream->id,
			pps, RATE_MAX_PPS);
	if (stream->burst < 1 || stream->burst > 64)
		return err_set(err, -EINVAL, "stream %u: burst %u is not in 1..64", stream->id,
			stream->burst);
	return 0;
}
