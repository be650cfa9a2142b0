using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Ddoq.Tests")]
[assembly: InternalsVisibleTo("Ddoq.Bench.Kernels")]
[assembly: InternalsVisibleTo("libddoq")]
