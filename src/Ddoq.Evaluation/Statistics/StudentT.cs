namespace Ddoq.Evaluation.Statistics;

/// <summary>Student's t distribution, as far as small-sample intervals need it.</summary>
internal static class StudentT
{
    /// <summary>The 0.975 quantile: half the width, in standard errors, of a two-sided 95 % interval.</summary>
    /// <param name="degreesOfFreedom">At least 1.</param>
    /// <remarks>
    /// Up to 4 degrees from closed forms and tables (6 digits), above by the Cornish-Fisher expansion about the normal
    /// quantile (Abramowitz, Stegun 26.7.5), whose error there is below 2e-3.
    /// </remarks>
    public static double Quantile975(int degreesOfFreedom)
    {
        ReadOnlySpan<double> small = [12.706205, 4.302653, 3.182446, 2.776445];
        if (degreesOfFreedom <= small.Length)
            return small[degreesOfFreedom - 1];

        const double Z = 1.959963984540054;
        const double Z3 = Z * Z * Z, Z5 = Z3 * Z * Z, Z7 = Z5 * Z * Z, Z9 = Z7 * Z * Z;
        double n = degreesOfFreedom;
        return Z
            + ((Z3 + Z) / (4 * n))
            + (((5 * Z5) + (16 * Z3) + (3 * Z)) / (96 * n * n))
            + (((3 * Z7) + (19 * Z5) + (17 * Z3) - (15 * Z)) / (384 * n * n * n))
            + (((79 * Z9) + (776 * Z7) + (1482 * Z5) - (1920 * Z3) - (945 * Z)) / (92160 * n * n * n * n));
    }
}
