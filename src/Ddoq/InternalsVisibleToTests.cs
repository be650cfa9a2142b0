using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Ddoq.Tests")]
