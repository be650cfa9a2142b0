using System.Runtime.InteropServices;

namespace Ddoq.Bench.Kernels;

/// <summary>OpenBLAS's matrix products, in this process and on one thread: the arithmetic ceiling that others know.</summary>
internal static unsafe partial class OpenBlas
{
    private const int RowMajor = 101, NoTranspose = 111, Transpose = 112, Upper = 121;
    private const string Library = "libopenblas.so.0";

    /// <summary>Whether the library is there.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Library, out _);

    /// <summary>The kernels it chose for this processor; <c>OPENBLAS_CORETYPE</c> chooses others.</summary>
    public static string Core => Marshal.PtrToStringAnsi(GetCoreName()) ?? "?";

    /// <summary>One thread from now on.</summary>
    public static void UseOneThread() => SetThreads(1);

    /// <summary><c>scores = rows * centroids^T</c>, [n, k] = [n, d] [k, d]^T.</summary>
    public static void Scores(float* rows, float* centroids, float* scores, int n, int k, int d) =>
        Multiply(RowMajor, NoTranspose, Transpose, n, k, d, 1, rows, d, centroids, d, 0, scores, k);

    /// <summary>The upper triangle of <c>gram = rows * rows^T</c>, [n, n].</summary>
    public static void Gram(float* rows, float* gram, int n, int d) =>
        MultiplyByOwnTranspose(RowMajor, Upper, NoTranspose, n, d, 1, rows, d, 0, gram, n);

    [LibraryImport(Library, EntryPoint = "openblas_set_num_threads")]
    private static partial void SetThreads(int count);

    [LibraryImport(Library, EntryPoint = "openblas_get_corename")]
    private static partial nint GetCoreName();

    [LibraryImport(Library, EntryPoint = "cblas_sgemm")]
    private static partial void Multiply(
        int order, int transposeA, int transposeB, int m, int n, int k, float alpha, float* a, int strideA, float* b, int strideB, float beta, float* c, int strideC);

    [LibraryImport(Library, EntryPoint = "cblas_ssyrk")]
    private static partial void MultiplyByOwnTranspose(
        int order, int triangle, int transpose, int n, int k, float alpha, float* a, int strideA, float beta, float* c, int strideC);
}
