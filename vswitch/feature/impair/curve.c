#include "curve.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Deviations up to which there is a normal distribution. */
#define NORMAL_MOST  5.0
#define PARETO_SHAPE 3.0
/* The largest value of its pareto distribution, whose least is 1. */
#define PARETO_MOST 5.0

/* Of the normal distribution: the share above x. */
static double normal_above(double x)
{
	return erfc(x / sqrt(2)) / 2;
}

/*
 * Each quantile function takes the share of frames that lie beyond its result, from the end where
 * is_upper says: near 1 a share would lose the digits that matter.
 */
static double find_normal(bool is_upper, double beyond)
{
	double low = 0, high = NORMAL_MOST, cut = normal_above(NORMAL_MOST);

	for (unsigned i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (normal_above(middle) > cut + beyond * (1 - 2 * cut))
			low = middle;
		else
			high = middle;
	}
	return is_upper ? low : -low;
}

static double find_pareto(bool is_upper, double beyond)
{
	double cut = pow(PARETO_MOST, -PARETO_SHAPE);

	return pow(is_upper ? cut + beyond * (1 - cut) : 1 - beyond * (1 - cut), -1 / PARETO_SHAPE);
}

/* From an end to the middle, the share of frames that lie beyond that edge. */
static double beyond_edge(unsigned edge)
{
	unsigned power = edge / IMPAIR_CURVE_CELLS, cell = edge % IMPAIR_CURVE_CELLS;
	double low = ldexp(1, (int)IMPAIR_CURVE_LOW_BIT - 64);

	return !power ? low * cell / IMPAIR_CURVE_CELLS
		      : ldexp(low, (int)power - 1) * (1 + cell / (double)IMPAIR_CURVE_CELLS);
}

struct shape {
	double edges[2][IMPAIR_CURVE_N_EDGES];
};

/* To mean 0 and variance 1, as straight lines between the edges have them. */
static void standardize(struct shape *shape)
{
	double mean = 0, square = 0, deviation;

	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i + 1 < IMPAIR_CURVE_N_EDGES; i++) {
			double share = beyond_edge(i + 1) - beyond_edge(i);
			double a = shape->edges[end][i], b = shape->edges[end][i + 1];

			mean += share * (a + b) / 2;
			square += share * (a * a + a * b + b * b) / 3;
		}
	}
	deviation = sqrt(square - mean * mean);
	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < IMPAIR_CURVE_N_EDGES; i++)
			shape->edges[end][i] = (shape->edges[end][i] - mean) / deviation;
	}
}

static void make_shape(struct shape *shape, double (*find)(bool is_upper, double beyond))
{
	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < IMPAIR_CURVE_N_EDGES; i++)
			shape->edges[end][i] = find(end, beyond_edge(i));
	}
	standardize(shape);
}

static void mix_shapes(struct shape *shape, double part, const struct shape *a,
	const struct shape *b)
{
	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < IMPAIR_CURVE_N_EDGES; i++)
			shape->edges[end][i] =
				(1 - part) * a->edges[end][i] + part * b->edges[end][i];
	}
	standardize(shape);
}

static void make_table(struct impair_curve *table, enum impair_distribution distribution)
{
	double part = distribution == IMPAIR_NORMAL ? 0 : distribution == IMPAIR_PARETO ? 1 : 0.75;
	struct shape normal, pareto, shape;

	make_shape(&normal, find_normal);
	make_shape(&pareto, find_pareto);
	mix_shapes(&shape, part, &normal, &pareto);
	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < IMPAIR_CURVE_N_EDGES; i++)
			table->edges[end][i] =
				(int32_t)lrint(ldexp(shape.edges[end][i], IMPAIR_CURVE_ONE_BITS));
	}
}

const struct impair_curve *impair_curve_get(enum impair_distribution distribution)
{
	static struct impair_curve tables[IMPAIR_PARETONORMAL + 1];
	static bool is_made[IMPAIR_PARETONORMAL + 1];

	if (distribution == IMPAIR_UNIFORM)
		return NULL;
	if (!is_made[distribution])
		make_table(&tables[distribution], distribution);
	is_made[distribution] = true;
	return &tables[distribution];
}
