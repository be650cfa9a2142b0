using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Tests.Interop;

public class DriverLibraryTests
{
    [Test]
    public void LibraryThatIsNotThere_IsNamed()
    {
        DriverLibrary.Found found = DriverLibrary.Find("/nowhere/libcuda.so");
        Assert.That(found.Handle, Is.EqualTo(nint.Zero));
        Assert.That(found.Reason, Does.Contain("DDOQ_CUDA_DRIVER").And.Contain("/nowhere/libcuda.so"));
    }

    [Test]
    public void LibraryThatIsNoDriver_IsRefused()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("libc is a library of Linux");
        DriverLibrary.Found found = DriverLibrary.Find("libc.so.6");
        Assert.That(found.Handle, Is.EqualTo(nint.Zero));
        Assert.That(found.Reason, Does.Contain("libc.so.6").And.Contain("not a CUDA driver"));
    }

    [Test]
    public void WithoutADriver_TheNamesThatWereTriedAreSaid()
    {
        DriverLibrary.Found found = DriverLibrary.Find(null);
        if (found.Handle != 0)
            Assert.Ignore("this machine has a CUDA driver");
        Assert.That(found.Reason, Does.Contain(OperatingSystem.IsWindows() ? "nvcuda" : "libcuda.so.1, libcuda.so"));
    }
}
