#include "faulty_disk.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace {

constexpr std::size_t sector = 512;

FaultyDisk* the_disk = nullptr;

} // namespace

struct FaultyDisk::File
{
    explicit File(std::size_t real_size) : memory(std::make_unique<char[]>(real_size)) {}

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(memory.get()); }
    sqlite3_int64 size() const { return static_cast<sqlite3_int64>(content.size()); }

    void apply(const Change& change)
    {
        const auto offset = static_cast<std::size_t>(change.offset);
        if (change.bytes.empty()) {
            content.resize(offset);
            return;
        }
        content.resize(std::max(content.size(), offset + change.bytes.size()));
        content.replace(offset, change.bytes.size(), change.bytes);
    }
    int apply_to_disk(const Change& change)
    {
        return change.bytes.empty() ? real()->pMethods->xTruncate(real(), change.offset)
                                    : real()->pMethods->xWrite(real(), change.bytes.data(),
                                                               static_cast<int>(change.bytes.size()), change.offset);
    }
    int load()
    {
        sqlite3_int64 size = 0;
        if (const int error = real()->pMethods->xFileSize(real(), &size); error != SQLITE_OK) {
            return error;
        }
        content.resize(static_cast<std::size_t>(size));
        return real()->pMethods->xRead(real(), content.data(), static_cast<int>(size), 0);
    }

    std::unique_ptr<char[]> memory; // of the real file
    std::string content;            // as programs see it
    std::vector<Change> unsynced;   // which the disk may not have yet
};

/// What SQLite calls.
struct FaultyDisk::Callbacks
{
    /// What SQLite knows of a file.
    struct Handle : sqlite3_file
    {
        File* file;
    };

    static File& of(sqlite3_file* handle) { return *static_cast<Handle*>(handle)->file; }
    static sqlite3_file* real(sqlite3_file* handle) { return of(handle).real(); }

    static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* handle, int flags, int* given)
    {
        handle->pMethods = nullptr;
        auto file = std::make_unique<File>(static_cast<std::size_t>(the_disk->real_->szOsFile));
        if (const int error = the_disk->real_->xOpen(vfs, name, file->real(), flags, given); error != SQLITE_OK) {
            return error;
        }
        if (const int error = file->load(); error != SQLITE_OK) {
            return error;
        }
        handle->pMethods = &methods;
        the_disk->files_.push_back(file.get());
        static_cast<Handle*>(handle)->file = file.release();
        return SQLITE_OK;
    }

    static int remove(sqlite3_vfs* vfs, const char* name, int sync)
    {
        const int error = the_disk->next_change(SQLITE_IOERR_DELETE);
        return error != SQLITE_OK ? error : the_disk->real_->xDelete(vfs, name, sync);
    }

    static int close(sqlite3_file* handle)
    {
        const std::unique_ptr<File> file(&of(handle));
        std::erase(the_disk->files_, file.get());
        // Who opens it again must find all of it.
        for (const Change& change : file->unsynced) {
            file->apply_to_disk(change);
        }
        return file->real()->pMethods->xClose(file->real());
    }

    static int read(sqlite3_file* handle, void* bytes, int size, sqlite3_int64 offset)
    {
        const std::string& content = of(handle).content;
        const auto from = std::min(static_cast<std::size_t>(offset), content.size());
        const auto wanted = static_cast<std::size_t>(size);
        const std::size_t found = content.copy(static_cast<char*>(bytes), wanted, from);
        std::memset(static_cast<char*>(bytes) + found, 0, wanted - found);
        return found == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
    }

    static int change(sqlite3_file* handle, const Change& change, int error)
    {
        File& file = of(handle);
        if (const int result = the_disk->next_change(error, &change, &file); result != SQLITE_OK) {
            return result;
        }
        file.apply(change);
        if (the_disk->keeps_unsynced()) {
            return file.apply_to_disk(change);
        }
        file.unsynced.push_back(change);
        return SQLITE_OK;
    }
    static int write(sqlite3_file* handle, const void* bytes, int size, sqlite3_int64 offset)
    {
        return change(handle, {offset, {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}},
                      SQLITE_IOERR_WRITE);
    }
    static int truncate(sqlite3_file* handle, sqlite3_int64 size)
    {
        return change(handle, {size, {}}, SQLITE_IOERR_TRUNCATE);
    }

    static int sync(sqlite3_file* handle, int)
    {
        if (const int error = the_disk->next_change(SQLITE_IOERR_FSYNC); error != SQLITE_OK) {
            return error;
        }
        File& file = of(handle);
        for (const Change& change : std::exchange(file.unsynced, {})) {
            if (const int error = file.apply_to_disk(change); error != SQLITE_OK) {
                return error;
            }
        }
        return SQLITE_OK;
    }

    static int size(sqlite3_file* handle, sqlite3_int64* size)
    {
        *size = of(handle).size();
        return SQLITE_OK;
    }

    // What has nothing to do with the content goes to the real file.
    static int lock(sqlite3_file* handle, int level) { return real(handle)->pMethods->xLock(real(handle), level); }
    static int unlock(sqlite3_file* handle, int level) { return real(handle)->pMethods->xUnlock(real(handle), level); }
    static int check_lock(sqlite3_file* handle, int* result)
    {
        return real(handle)->pMethods->xCheckReservedLock(real(handle), result);
    }
    static int control(sqlite3_file* handle, int operation, void* argument)
    {
        return real(handle)->pMethods->xFileControl(real(handle), operation, argument);
    }
    static int sector_size(sqlite3_file* handle) { return real(handle)->pMethods->xSectorSize(real(handle)); }
    static int device(sqlite3_file* handle) { return real(handle)->pMethods->xDeviceCharacteristics(real(handle)); }
    static int map(sqlite3_file* handle, int page, int size, int extend, void volatile** memory)
    {
        return real(handle)->pMethods->xShmMap(real(handle), page, size, extend, memory);
    }
    static int lock_map(sqlite3_file* handle, int offset, int count, int flags)
    {
        return real(handle)->pMethods->xShmLock(real(handle), offset, count, flags);
    }
    static void barrier(sqlite3_file* handle) { real(handle)->pMethods->xShmBarrier(real(handle)); }
    static int unmap(sqlite3_file* handle, int remove)
    {
        return real(handle)->pMethods->xShmUnmap(real(handle), remove);
    }

    // Version 2 has shared memory for the log's index, and no mapped files.
    static constexpr sqlite3_io_methods methods{2,        close,   read,       write,   truncate,    sync,   size,
                                                lock,     unlock,  check_lock, control, sector_size, device, map,
                                                lock_map, barrier, unmap,      nullptr, nullptr};
};

FaultyDisk::FaultyDisk(std::optional<DiskFault> fault)
    : real_(sqlite3_vfs_find(nullptr)), faulty_(std::make_unique<sqlite3_vfs>(*real_)), fault_(fault)
{
    faulty_->zName = "faulty disk";
    faulty_->szOsFile = sizeof(Callbacks::Handle);
    faulty_->xOpen = Callbacks::open;
    faulty_->xDelete = Callbacks::remove;
    faulty_->pNext = nullptr;
    the_disk = this;
    sqlite3_vfs_register(faulty_.get(), 1);
}

FaultyDisk::~FaultyDisk()
{
    sqlite3_vfs_unregister(faulty_.get());
    sqlite3_vfs_register(real_, 1);
    the_disk = nullptr;
}

bool FaultyDisk::keeps_unsynced() const
{
    return !fault_ || (fault_->kind != DiskFault::Kind::power_loss && fault_->kind != DiskFault::Kind::torn_writes);
}

int FaultyDisk::next_change(int error, const Change* change, File* file)
{
    const int number = changes_++;
    if (!fault_ || number < fault_->at) {
        return SQLITE_OK;
    }
    switch (fault_->kind) {
    case DiskFault::Kind::kill:
    case DiskFault::Kind::power_loss:
    case DiskFault::Kind::torn_writes:
        die(change, file);
    case DiskFault::Kind::io_error:
        return number == fault_->at ? error : SQLITE_OK;
    case DiskFault::Kind::full: {
        const bool grows =
            change != nullptr && change->offset + static_cast<sqlite3_int64>(change->bytes.size()) > file->size();
        return grows ? SQLITE_FULL : SQLITE_OK;
    }
    case DiskFault::Kind::read_only:
        return SQLITE_READONLY;
    }
    std::abort();
}

void FaultyDisk::die(const Change* change, File* file)
{
    if (fault_->kind == DiskFault::Kind::kill && change != nullptr && !change->bytes.empty()) {
        file->apply_to_disk({change->offset, change->bytes.substr(0, change->bytes.size() / 2 + 1)});
    }
    if (fault_->kind == DiskFault::Kind::torn_writes) {
        std::minstd_rand chance(static_cast<unsigned>(fault_->at) + 1);
        for (File* open : files_) {
            for (const Change& lost : open->unsynced) {
                for (std::size_t at = 0; at < lost.bytes.size(); at += sector) {
                    if (chance() % 2 == 0) {
                        open->apply_to_disk(
                            {lost.offset + static_cast<sqlite3_int64>(at), lost.bytes.substr(at, sector)});
                    }
                }
            }
        }
    }
    std::raise(SIGKILL);
    std::abort();
}
