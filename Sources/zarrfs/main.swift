print("zarrfs")
