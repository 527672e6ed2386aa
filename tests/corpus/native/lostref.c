/* An extension with two mistakes: a reference that is not given back, and a type that hides what it holds. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Joins two byte strings. `scratch` is made, used, and never given back. */
static PyObject *join(PyObject *module, PyObject *args)
{
    const char *left, *right;
    Py_ssize_t left_size, right_size;

    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#", &left, &left_size, &right, &right_size))
        return NULL;
    PyObject *scratch = PyBytes_FromStringAndSize(NULL, left_size + right_size);
    if (scratch == NULL)
        return NULL;
    memcpy(PyBytes_AS_STRING(scratch), left, (size_t)left_size);
    memcpy(PyBytes_AS_STRING(scratch) + left_size, right, (size_t)right_size);
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(scratch), left_size + right_size);
}

typedef struct {
    PyObject_HEAD
    PyObject *held;
} Holder;

static int holder_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    PyObject *held;

    (void)keywords;
    if (!PyArg_ParseTuple(args, "O", &held))
        return -1;
    Py_INCREF(held);
    Py_XSETREF(((Holder *)self)->held, held);
    return 0;
}

static void holder_dealloc(PyObject *self)
{
    Py_XDECREF(((Holder *)self)->held);
    Py_TYPE(self)->tp_free(self);
}

/* Without Py_TPFLAGS_HAVE_GC and tp_traverse: the collector cannot see `held`. */
static PyTypeObject holder_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "lostref.Holder",
    .tp_basicsize = sizeof(Holder),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = holder_init,
    .tp_dealloc = holder_dealloc,
};

static PyMethodDef functions[] = {
    {"join", join, METH_VARARGS, "Joins two byte strings, and loses a copy."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "lostref", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit_lostref(void)
{
    if (PyType_Ready(&holder_type) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    Py_INCREF(&holder_type);
    if (PyModule_AddObject(module, "Holder", (PyObject *)&holder_type) < 0) {
        Py_DECREF(&holder_type);
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
