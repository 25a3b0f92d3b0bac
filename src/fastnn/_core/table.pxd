cdef extern from "table.h" nogil:
    # Those that something is done about; the others are numbers.
    ctypedef enum fastnn_activation:
        IDENTITY
        RELU
        SOFTMAX
        LOG_SOFTMAX

    enum:
        FASTNN_START_PANELS
        FASTNN_MOST_PARAMETERS

    ctypedef struct fastnn_dense:
        const void *x
        Py_ssize_t x_stride
        Py_ssize_t rows
        Py_ssize_t depth
        Py_ssize_t width
        const void *panels
        const void *start
        Py_ssize_t start_stride
        void *out
        Py_ssize_t out_stride
        bint padded
        int activation
        double parameters[FASTNN_MOST_PARAMETERS]
        Py_ssize_t column_stride
        Py_ssize_t weight_stride
        const void *ahead
        Py_ssize_t ahead_size

    ctypedef struct fastnn_kernels:
        int lanes
        int panel
        int tile_rows
        int fused
        void (*dense)(const fastnn_dense *job) noexcept nogil
        void (*activate)(
            int activation, const double *parameters, const void *z, void *out, Py_ssize_t n
        ) noexcept nogil
        void (*differentiate)(
            int activation, const double *parameters, const void *z, void *out, Py_ssize_t n
        ) noexcept nogil
        void (*normalize)(
            int activation, void *z, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t n
        ) noexcept nogil
        void (*to_columns)(
            const void *rows, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t n,
            void *columns, Py_ssize_t width
        ) noexcept nogil
        void (*from_columns)(
            const void *columns, Py_ssize_t width, Py_ssize_t count, Py_ssize_t n,
            void *rows, Py_ssize_t stride
        ) noexcept nogil
        double (*multiply_adds)(Py_ssize_t steps) noexcept nogil
        double (*read)(const void *p, Py_ssize_t n, Py_ssize_t times) noexcept nogil
        void (*exponential)(bint normal, const void *z, void *out, Py_ssize_t n) noexcept nogil
