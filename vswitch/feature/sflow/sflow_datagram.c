#include "sflow_datagram.h"

#include <string.h>

#define VERSION          5
#define ADDRESS_IPV4     1
#define ADDRESS_IPV6     2
#define FLOW_SAMPLE      1
#define COUNTERS_SAMPLE  2
#define RAW_HEADER       1 /* a record of flow samples */
#define GENERIC_COUNTERS 1 /* a record of counter samples */
#define HEADER_ETHERNET  1
#define IF_TYPE_ETHERNET 6
#define FULL_DUPLEX      1
#define STATUS_ADMIN_UP  1
#define STATUS_OPER_UP   2
#define FCS_LEN          4

/* In bytes, from behind the length that says so. */
#define RAW_HEADER_LEN       16 /* and the header */
#define FLOW_SAMPLE_LEN      (32 + 8 + RAW_HEADER_LEN)
#define GENERIC_COUNTERS_LEN 88
#define COUNTERS_SAMPLE_LEN  (12 + 8 + GENERIC_COUNTERS_LEN)
#define SAMPLE_HEAD_LEN      8 /* type and length */

_Static_assert(48 + SAMPLE_HEAD_LEN + FLOW_SAMPLE_LEN + SFLOW_MAX_HEADER <= SFLOW_DATAGRAM_MAX,
	"a datagram has room for a sample");

static void put_u32(struct sflow_datagram *datagram, uint32_t value)
{
	uint8_t *at = datagram->bytes + datagram->len;

	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
	datagram->len += 4;
}

static void put_u64(struct sflow_datagram *datagram, uint64_t value)
{
	put_u32(datagram, (uint32_t)(value >> 32));
	put_u32(datagram, (uint32_t)value);
}

/* And zeros up to a multiple of four. */
static void put_bytes(struct sflow_datagram *datagram, const uint8_t *bytes, uint32_t n)
{
	memcpy(datagram->bytes + datagram->len, bytes, n);
	datagram->len += n;
	while (datagram->len % 4)
		datagram->bytes[datagram->len++] = 0;
}

static bool has_room(const struct sflow_datagram *datagram, uint32_t n)
{
	return SAMPLE_HEAD_LEN + n <= SFLOW_DATAGRAM_MAX - datagram->len;
}

/* One more sample. */
static void count_sample(struct sflow_datagram *datagram)
{
	uint32_t len = datagram->len;

	datagram->len = datagram->n_samples_at;
	put_u32(datagram, ++datagram->n_samples);
	datagram->len = len;
}

void sflow_datagram_begin(struct sflow_datagram *datagram, const struct sflow_agent *agent,
	uint32_t sequence, uint32_t uptime_ms)
{
	datagram->len = datagram->n_samples = 0;
	put_u32(datagram, VERSION);
	put_u32(datagram, agent->is_ipv6 ? ADDRESS_IPV6 : ADDRESS_IPV4);
	put_bytes(datagram, agent->address, agent->is_ipv6 ? 16 : 4);
	put_u32(datagram, 0); /* sub-agent */
	put_u32(datagram, sequence);
	put_u32(datagram, uptime_ms);
	datagram->n_samples_at = datagram->len;
	put_u32(datagram, 0);
}

bool sflow_datagram_add_flow(struct sflow_datagram *datagram, const struct sflow_flow *flow)
{
	uint32_t padded = (flow->header_len + 3) & ~3u;

	if (!has_room(datagram, FLOW_SAMPLE_LEN + padded))
		return false;
	put_u32(datagram, FLOW_SAMPLE);
	put_u32(datagram, FLOW_SAMPLE_LEN + padded);
	put_u32(datagram, flow->sequence);
	put_u32(datagram, flow->interface); /* source of the sample: that ifIndex */
	put_u32(datagram, flow->rate);
	put_u32(datagram, flow->pool);
	put_u32(datagram, flow->drops);
	put_u32(datagram, flow->interface); /* where it came in */
	put_u32(datagram, 0);               /* where it leaves: not known yet */
	put_u32(datagram, 1);               /* record */
	put_u32(datagram, RAW_HEADER);
	put_u32(datagram, RAW_HEADER_LEN + padded);
	put_u32(datagram, HEADER_ETHERNET);
	put_u32(datagram, flow->frame_len + FCS_LEN);
	put_u32(datagram, FCS_LEN); /* that are not there */
	put_u32(datagram, flow->header_len);
	put_bytes(datagram, flow->header, flow->header_len);
	count_sample(datagram);
	return true;
}

bool sflow_datagram_add_counters(struct sflow_datagram *datagram,
	const struct sflow_counters *counters)
{
	if (!has_room(datagram, COUNTERS_SAMPLE_LEN))
		return false;
	put_u32(datagram, COUNTERS_SAMPLE);
	put_u32(datagram, COUNTERS_SAMPLE_LEN);
	put_u32(datagram, counters->sequence);
	put_u32(datagram, counters->interface);
	put_u32(datagram, 1); /* record */
	put_u32(datagram, GENERIC_COUNTERS);
	put_u32(datagram, GENERIC_COUNTERS_LEN);
	put_u32(datagram, counters->interface);
	put_u32(datagram, IF_TYPE_ETHERNET);
	put_u64(datagram, 0); /* speed: a virtual port has none */
	put_u32(datagram, FULL_DUPLEX);
	put_u32(datagram, (counters->admin_up ? STATUS_ADMIN_UP : 0) |
				  (counters->oper_up ? STATUS_OPER_UP : 0));
	put_u64(datagram, counters->in_octets);
	put_u32(datagram, counters->in_unicast);
	put_u32(datagram, counters->in_multicast);
	put_u32(datagram, counters->in_broadcast);
	put_u32(datagram, counters->in_discards);
	put_u32(datagram, counters->in_errors);
	put_u32(datagram, 0); /* unknown protocols */
	put_u64(datagram, counters->out_octets);
	put_u32(datagram, counters->out_unicast);
	put_u32(datagram, counters->out_multicast);
	put_u32(datagram, counters->out_broadcast);
	put_u32(datagram, counters->out_discards);
	put_u32(datagram, counters->out_errors);
	put_u32(datagram, 1); /* every frame is received: promiscuous */
	count_sample(datagram);
	return true;
}
